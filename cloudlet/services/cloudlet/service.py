"""Table of contents of the node's own service. Its model is ours: wire/models/cloudlet.json."""

from cloudlet.kit.service import Service
from cloudlet.services.cloudlet.keys import Keys

cloudlet = Service(
    "cloudlet",
    keys=Keys,
    contents={
        "clock": "GetClock AdvanceClock",
        "status": "GetStatus ListDecisions",
        "mail": "ListMail GetMail DeleteMail",
    },
)
