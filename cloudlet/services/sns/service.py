"""Table of contents: every operation of the SNS API under its module, written or not."""

from cloudlet.kit.service import Service
from cloudlet.services.sns.keys import Keys

# May come unsigned: the confirmation's token, the link in a mail, or the topic's policy decides.
_ANYONE_MAY_TRY = frozenset(("ConfirmSubscription", "Unsubscribe", "Publish", "Subscribe"))

sns = Service(
    "sns",
    keys=Keys,
    contents={
        "topic": "CreateTopic DeleteTopic ListTopics GetTopicAttributes SetTopicAttributes",
        "subscription": "Subscribe Unsubscribe ConfirmSubscription ListSubscriptions ListSubscriptionsByTopic"
        " GetSubscriptionAttributes SetSubscriptionAttributes",
        "message": "Publish PublishBatch",
        "access": "AddPermission RemovePermission TagResource UntagResource ListTagsForResource",
        "data_protection": "GetDataProtectionPolicy PutDataProtectionPolicy",
        "push": "CreatePlatformApplication DeletePlatformApplication GetPlatformApplicationAttributes"
        " SetPlatformApplicationAttributes ListPlatformApplications CreatePlatformEndpoint DeleteEndpoint"
        " GetEndpointAttributes SetEndpointAttributes ListEndpointsByPlatformApplication",
        "sms": "CheckIfPhoneNumberIsOptedOut CreateSMSSandboxPhoneNumber DeleteSMSSandboxPhoneNumber GetSMSAttributes"
        " GetSMSSandboxAccountStatus ListOriginationNumbers ListPhoneNumbersOptedOut ListSMSSandboxPhoneNumbers"
        " OptInPhoneNumber SetSMSAttributes VerifySMSSandboxPhoneNumber",
    },
    anonymous=_ANYONE_MAY_TRY,
)
