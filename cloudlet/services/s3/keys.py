"""Where S3 keeps things. No other file builds an S3 key.

Bucket names are one space for all accounts and regions, so no key begins with an account or a region.

bucket     ("b", name)                        -> Bucket
owned      ("o", account, name)               -> Owned        an account's buckets, by name
parts      ("p", parts id)                    -> PartList     the body of an object made of parts
holders    ("ph", parts id)                   -> how many versions have that body, as text

contents   ("c", bucket id, …): what is in one bucket. Below it:
  current  ("k", key)                         -> Version      the newest version, where it is not a delete marker
  older    ("v", key, LAST - sequence)        -> Version      all others and every delete marker, newest first
  null     ("n", key)                         -> the sequence, as text, of the version "null" within `older`
  body     ("d", key, sequence)               -> bytes        a body small enough for a value
  sequence ("s", shard)                       -> the last sequence given to a key of that shard, as text
  upload   ("u", key, upload id)              -> Upload       multipart uploads; ids sort by their beginning
  part     ("up", upload id, number)          -> Part
  revision ("ur", upload id)                  -> how often its parts changed, as text
  completed ("uc", key, upload id)            -> Completed    uploads that became objects, for a day
"""

import zlib
from functools import lru_cache

from cloudlet.store.keys import Subspace

LAST = 1 << 62
SEQUENCE_SHARDS = 16


class Keys:
    def __init__(self, account: str, region: str) -> None:
        self.account, self.region = account, region
        root = Subspace("s3")
        self.bucket, self.parts, self.holders = root["b"], root["p"], root["ph"]
        self.owners, self.contents = root["o"], root["c"]
        self.owned = self.owners[account]

    def of(self, bucket_id: str) -> "Contents":
        return _contents_of(self.contents, bucket_id)


class Contents:
    """The keys of one bucket's contents."""

    __slots__ = ("body", "completed", "current", "null", "older", "part", "revision", "sequence", "space", "upload")

    def __init__(self, space: Subspace) -> None:
        self.space = space
        self.current, self.older, self.null, self.body = space["k"], space["v"], space["n"], space["d"]
        self.sequence, self.upload, self.completed = space["s"], space["u"], space["uc"]
        self.part, self.revision = space["up"], space["ur"]

    def older_key(self, key: str, sequence: int) -> bytes:
        return self.older.key(key, LAST - sequence)

    def sequence_key(self, key: str) -> bytes:
        return self.sequence.key(zlib.crc32(key.encode("utf-8", "surrogatepass")) % SEQUENCE_SHARDS)


@lru_cache(maxsize=4096)
def _contents_of(space: Subspace, bucket_id: str) -> Contents:
    return Contents(space[bucket_id])
