"""Builds the house: the one place that names every service and fills in every port."""

from typing import Any

from cloudlet import __version__
from cloudlet.app.authenticate import RootKeys
from cloudlet.app.certificate_page import certificate_pages
from cloudlet.app.functions import HostFunctions
from cloudlet.app.gateway import Gateway
from cloudlet.app.http_out import ThreadedHttpOut
from cloudlet.app.loop_watch import LoopWatch
from cloudlet.app.mail import NodeMail, NodeMailbox
from cloudlet.app.package_page import package_page
from cloudlet.app.root_key import root_key
from cloudlet.app.server import Server
from cloudlet.app.upkeep import Upkeep
from cloudlet.app.workers import Workers
from cloudlet.base.clock import Clock, SystemClock
from cloudlet.base.config import Settings
from cloudlet.base.ids import random_bytes
from cloudlet.kit.node import Node
from cloudlet.kit.secrets import NODE_KEY_BYTES, Sealer, load_or_create_node_key
from cloudlet.kit.service import Service
from cloudlet.services.cloudformation.service import cloudformation
from cloudlet.services.cloudlet.service import cloudlet
from cloudlet.services.cloudwatch.service import cloudwatch
from cloudlet.services.dynamodb.service import dynamodb
from cloudlet.services.iam.identities import IamIdentities
from cloudlet.services.iam.service import iam
from cloudlet.services.lambda_.package import LINK_PATH
from cloudlet.services.lambda_.service import lambda_
from cloudlet.services.logs.service import logs
from cloudlet.services.s3.service import s3
from cloudlet.services.sns.service import sns
from cloudlet.services.sqs.service import sqs
from cloudlet.services.sts.service import sts
from cloudlet.store.database import Database
from cloudlet.store.disk import make_directory

SERVICES: tuple[Service, ...] = (
    cloudformation,
    cloudlet,
    cloudwatch,
    dynamodb,
    iam,
    lambda_,
    logs,
    s3,
    sns,
    sqs,
    sts,
)

BREACHES_SHOWN = 10


class House:
    """A node with its gateway and workers, not yet listening: app/serve.py does that, tests call it in process."""

    def __init__(self, node: Node, roots: RootKeys) -> None:
        self.node, self.roots = node, roots
        self.gateway = Gateway(node, roots)
        self.upkeep = Upkeep(node)
        self.workers = Workers(node, self.upkeep.flush_metrics_in_pieces)
        is_watched = node.settings.watch_loop or node.settings.log_level == "debug"
        self.watch = LoopWatch(node.clock.now_ms) if is_watched else None
        self.gateway.watch = self.workers.watch = self.upkeep.watch = self.watch
        node.controls = NodeControls(self)
        node.functions = self.functions = HostFunctions(node, node.settings)
        self.gateway.internal_pages[LINK_PATH] = package_page(node)
        self.gateway.internal_pages.update(certificate_pages(node))
        mailbox = node.mailbox = NodeMailbox()
        node.mail_out = self.mail_out = NodeMail(node.database, node.clock, mailbox, node.settings.smtp_relay)
        node.http_out = self.http_out = ThreadedHttpOut()

    async def start(self, server: Server) -> None:
        """Begin background work; `server` takes the listeners of execution environments."""
        await self.functions.start(server)
        if self.functions.share_network:
            self.roots = self.gateway.roots = roots_of(self.node.settings, functions_share_network=True)
        self.workers.start()

    def notices(self) -> list[str]:
        """What a person should know at start: the level of isolation, a generated root key."""
        return self.functions.notices()

    async def stop(self) -> None:
        await self.workers.stop()
        await self.functions.close()
        self.mail_out.close()
        self.http_out.close()


class NodeControls:
    """What the node's own service may do to the node."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def advance(self, milliseconds: int) -> int:
        await self._house.workers.advance(milliseconds)
        return self._house.upkeep.note_clock()

    def status(self) -> dict[str, Any]:
        settings, functions = self._house.node.settings, self._house.functions.stats()
        return {
            "FunctionsLevel": functions["level"],
            "FunctionsWhy": functions["why"],
            "Version": __version__,
            "Data": str(settings.data) if settings.data else "in memory",
            "Backlogs": self._house.workers.backlogs(),
        } | ({"LoopHeld": self._house.watch.longest(BREACHES_SHOWN)} if self._house.watch is not None else {})


def build(
    settings: Settings, *, clock: Clock | None = None, database: Database | None = None, node_key: bytes | None = None
) -> House:
    """A node on `settings.data` (None: in memory). Opens the store; starts nothing."""
    if settings.data is not None and node_key is None:
        make_directory(settings.data)
        node_key = load_or_create_node_key(settings.data / "node.key")
    # In memory nothing outlives the key. Never a fixed one: whoever knows it can make himself anybody's session.
    sealer = Sealer(node_key or random_bytes(NODE_KEY_BYTES))
    if database is None:
        store = settings.data / "store" if settings.data is not None else None
        database = Database.open(store, engine=settings.engine, accept_loss=settings.accept_loss)
    node = Node(
        database=database,
        clock=clock or SystemClock(),
        services={service.name: service.load() for service in SERVICES},
        identities=IamIdentities(sealer, database),
        sealer=sealer,
        base_url=f"http://{settings.host}:{settings.port}",
        settings=settings,
    )
    return House(node, roots_of(settings))


def roots_of(settings: Settings, *, functions_share_network: bool = False) -> RootKeys:
    """Which root keys this node takes. `test`/`test` only on loopback, and only while functions cannot use it:
    `functions_share_network` is known once they have started."""
    functions_are_apart = settings.functions_network == "private" and not functions_share_network
    allows_test = settings.is_loopback and functions_are_apart and not settings.root_access_key_id
    return RootKeys(allows_test=allows_test, key=root_key(settings, allows_test), extra_hosts=settings.extra_hosts)
