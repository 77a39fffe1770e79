"""Table of contents: every operation of the STS API under its module, written or not."""

from cloudlet.kit.service import Service
from cloudlet.services.sts.keys import Keys

sts = Service(
    "sts",
    keys=Keys,
    contents={
        "role": "AssumeRole AssumeRoleWithSAML AssumeRoleWithWebIdentity AssumeRoot",
        "session": "GetSessionToken GetFederationToken GetScopedCredentials GetDelegatedAccessToken",
        "identity": "GetCallerIdentity GetAccessKeyInfo DecodeAuthorizationMessage GetWebIdentityToken",
    },
)
