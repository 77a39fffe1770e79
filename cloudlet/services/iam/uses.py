"""When keys and roles were last used, to the hour: written beside the requests, in transactions of its own."""

import logging

from cloudlet.kit.ports import KeyUse
from cloudlet.services.iam.keys import Keys
from cloudlet.services.iam.records import LastUse
from cloudlet.store.database import Database
from cloudlet.store.errors import StoreError
from cloudlet.store.transaction import Tx

EVERY_MS = 3_600_000
NOTED_MAX = 10_000  # remembered as written in this hour; more are written again

log = logging.getLogger("cloudlet.iam")


class Uses:
    def __init__(self) -> None:
        self._hour = 0
        self._noted: set[str] = set()

    def note(self, database: Database, keys: Keys, entity_id: str, used_id: str, use: KeyUse) -> None:
        """`used_id` (a key's id, or a role's) of the entity was used; the hour's first use is what is kept."""
        now_ms = use.at_ms
        if now_ms // EVERY_MS != self._hour or len(self._noted) >= NOTED_MAX:
            self._hour, self._noted = now_ms // EVERY_MS, set()
        if used_id in self._noted:
            return
        self._noted.add(used_id)

        def write(tx: Tx) -> None:
            if tx.get(keys.entity.key(entity_id)) is not None:
                tx.put(keys.used.key(used_id), LastUse(now_ms // 1000 * 1000, use.service, use.region).encode())

        try:
            database.transact(write)
        except StoreError as error:  # a request that only reads goes on where the disk is full
            log.debug("last use of %s not noted: %s", used_id, error)
