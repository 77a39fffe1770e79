"""What the store can fail with. Everything an engine raises is mapped to one of these."""


class StoreError(Exception):
    """The store refused or failed; nothing of the transaction was applied."""


class StoreFull(StoreError):
    """No space left: writes are refused until a probe succeeds, reads go on."""


class StoreUnwritable(StoreFull):
    """The disk takes no writes, for another reason than space. Handled as a full one is."""


class StoreStalled(StoreError):
    """The engine cannot take a write just now, compaction is behind: wait off the loop, run the transaction again."""


class StoreBroken(StoreError):
    """Data is damaged or the disk fails. Nothing may be built on it."""


class StoreInUse(StoreError):
    """Another process has this store open."""


class TransactionTooLarge(StoreError):
    """One transaction would write more than every engine promises to take at once."""


class BlobGone(StoreError):
    """The blob is not there to be adopted: its last reference was dropped, or it never was finished."""


class RangeTooLong(AssertionError):
    """A bug of ours: a range held more than its reader says it can. Going on with a part of it would be wrong."""
