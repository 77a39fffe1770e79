"""Table of contents: every operation of the IAM API under its module, written or not."""

from cloudlet.kit.service import Service
from cloudlet.services.iam.keys import Keys

iam = Service(
    "iam",
    keys=Keys,
    contents={
        "user": "CreateUser GetUser UpdateUser DeleteUser ListUsers",
        "access_key": "CreateAccessKey UpdateAccessKey DeleteAccessKey ListAccessKeys GetAccessKeyLastUsed",
        "group": "CreateGroup GetGroup UpdateGroup DeleteGroup ListGroups AddUserToGroup RemoveUserFromGroup"
        " ListGroupsForUser",
        "role": "CreateRole GetRole UpdateRole UpdateRoleDescription UpdateAssumeRolePolicy DeleteRole ListRoles",
        "inline_policy": "PutUserPolicy GetUserPolicy DeleteUserPolicy ListUserPolicies PutGroupPolicy GetGroupPolicy"
        " DeleteGroupPolicy ListGroupPolicies PutRolePolicy GetRolePolicy DeleteRolePolicy ListRolePolicies",
        "policy": "CreatePolicy GetPolicy DeletePolicy ListPolicies ListEntitiesForPolicy"
        " ListPoliciesGrantingServiceAccess",
        "policy_version": "CreatePolicyVersion GetPolicyVersion DeletePolicyVersion ListPolicyVersions"
        " SetDefaultPolicyVersion",
        "attachment": "AttachUserPolicy DetachUserPolicy ListAttachedUserPolicies AttachGroupPolicy DetachGroupPolicy"
        " ListAttachedGroupPolicies AttachRolePolicy DetachRolePolicy ListAttachedRolePolicies"
        " PutUserPermissionsBoundary DeleteUserPermissionsBoundary PutRolePermissionsBoundary"
        " DeleteRolePermissionsBoundary",
        "tag": "TagUser UntagUser ListUserTags TagRole UntagRole ListRoleTags TagPolicy UntagPolicy ListPolicyTags"
        " TagInstanceProfile UntagInstanceProfile ListInstanceProfileTags",
        "instance_profile": "CreateInstanceProfile GetInstanceProfile DeleteInstanceProfile ListInstanceProfiles"
        " ListInstanceProfilesForRole AddRoleToInstanceProfile RemoveRoleFromInstanceProfile",
        "account": "CreateAccountAlias DeleteAccountAlias ListAccountAliases GetAccountSummary"
        " GetAccountAuthorizationDetails GetAccountPasswordPolicy UpdateAccountPasswordPolicy"
        " DeleteAccountPasswordPolicy GetAccountProperties PutAccountProperties SetSecurityTokenServicePreferences",
        "simulation": "SimulatePrincipalPolicy SimulateCustomPolicy GetContextKeysForCustomPolicy"
        " GetContextKeysForPrincipalPolicy",
        "service_linked_role": "CreateServiceLinkedRole DeleteServiceLinkedRole GetServiceLinkedRoleDeletionStatus",
        "login_profile": "CreateLoginProfile GetLoginProfile UpdateLoginProfile DeleteLoginProfile ChangePassword",
        "mfa_device": "CreateVirtualMFADevice DeleteVirtualMFADevice ListVirtualMFADevices EnableMFADevice"
        " DeactivateMFADevice ResyncMFADevice GetMFADevice ListMFADevices TagMFADevice UntagMFADevice"
        " ListMFADeviceTags",
        "identity_provider": "CreateSAMLProvider GetSAMLProvider UpdateSAMLProvider DeleteSAMLProvider"
        " ListSAMLProviders TagSAMLProvider UntagSAMLProvider ListSAMLProviderTags CreateOpenIDConnectProvider"
        " GetOpenIDConnectProvider DeleteOpenIDConnectProvider ListOpenIDConnectProviders"
        " UpdateOpenIDConnectProvider UpdateOpenIDConnectProviderThumbprint AddClientIDToOpenIDConnectProvider"
        " RemoveClientIDFromOpenIDConnectProvider TagOpenIDConnectProvider UntagOpenIDConnectProvider"
        " ListOpenIDConnectProviderTags EnableOutboundWebIdentityFederation DisableOutboundWebIdentityFederation"
        " GetOutboundWebIdentityFederationInfo",
        "credential": "UploadServerCertificate GetServerCertificate UpdateServerCertificate DeleteServerCertificate"
        " ListServerCertificates TagServerCertificate UntagServerCertificate ListServerCertificateTags"
        " UploadSigningCertificate UpdateSigningCertificate DeleteSigningCertificate ListSigningCertificates"
        " UploadSSHPublicKey GetSSHPublicKey UpdateSSHPublicKey DeleteSSHPublicKey ListSSHPublicKeys"
        " CreateServiceSpecificCredential UpdateServiceSpecificCredential DeleteServiceSpecificCredential"
        " ListServiceSpecificCredentials ResetServiceSpecificCredential",
        "report": "GenerateCredentialReport GetCredentialReport GenerateServiceLastAccessedDetails"
        " GetServiceLastAccessedDetails GetServiceLastAccessedDetailsWithEntities GenerateOrganizationsAccessReport"
        " GetOrganizationsAccessReport GetHumanReadableSummary",
        "organization": "EnableOrganizationsRootCredentialsManagement DisableOrganizationsRootCredentialsManagement"
        " EnableOrganizationsRootSessions DisableOrganizationsRootSessions ListOrganizationsFeatures",
        "delegation": "CreateDelegationRequest GetDelegationRequest ListDelegationRequests AcceptDelegationRequest"
        " RejectDelegationRequest UpdateDelegationRequest AssociateDelegationRequest SendDelegationToken"
        " AcquireRole GetRoleTemplateVersion",
    },
)
