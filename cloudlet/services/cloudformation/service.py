"""Table of contents: every operation of the CloudFormation API under its module, written or not."""

from cloudlet.kit.service import Service
from cloudlet.services.cloudformation.keys import Keys

cloudformation = Service(
    "cloudformation",
    keys=Keys,
    contents={
        "stack": "CreateStack UpdateStack DeleteStack DescribeStacks ListStacks UpdateTerminationProtection"
        " CancelUpdateStack ContinueUpdateRollback RollbackStack GetStackPolicy SetStackPolicy",
        "change_set": "CreateChangeSet DescribeChangeSet ExecuteChangeSet DeleteChangeSet ListChangeSets"
        " DescribeChangeSetHooks",
        "resource": "DescribeStackResource DescribeStackResources ListStackResources SignalResource",
        "event": "DescribeStackEvents DescribeEvents",
        "body": "GetTemplate GetTemplateSummary ValidateTemplate EstimateTemplateCost",
        "export": "ListExports ListImports",
        "account": "DescribeAccountLimits ActivateOrganizationsAccess DeactivateOrganizationsAccess"
        " DescribeOrganizationsAccess SetAlias RemoveAlias",
        "drift": "DetectStackDrift DetectStackResourceDrift DescribeStackDriftDetectionStatus"
        " DescribeStackResourceDrifts",
        "stack_set": "CreateStackSet UpdateStackSet DeleteStackSet DescribeStackSet ListStackSets CreateStackInstances"
        " UpdateStackInstances DeleteStackInstances DescribeStackInstance ListStackInstances"
        " ListStackInstanceResourceDrifts DescribeStackSetOperation ListStackSetOperations"
        " ListStackSetOperationResults ListStackSetAutoDeploymentTargets StopStackSetOperation DetectStackSetDrift"
        " ImportStacksToStackSet",
        "extension": "RegisterType DeregisterType DescribeType DescribeTypeRegistration ListTypes ListTypeVersions"
        " ListTypeRegistrations SetTypeDefaultVersion SetTypeConfiguration BatchDescribeTypeConfigurations ActivateType"
        " DeactivateType PublishType TestType RegisterPublisher DescribePublisher RecordHandlerProgress GetHookResult"
        " ListHookResults",
        "generated_template": "CreateGeneratedTemplate UpdateGeneratedTemplate DeleteGeneratedTemplate"
        " DescribeGeneratedTemplate GetGeneratedTemplate ListGeneratedTemplates StartResourceScan DescribeResourceScan"
        " ListResourceScans ListResourceScanResources ListResourceScanRelatedResources",
        "refactor": "CreateStackRefactor DescribeStackRefactor ExecuteStackRefactor ListStackRefactors"
        " ListStackRefactorActions",
    },
)
