"""Table of contents: every operation of the Lambda API under its module, written or not."""

from cloudlet.kit.service import Service
from cloudlet.services.lambda_.keys import Keys

lambda_ = Service(
    "lambda",
    folder="lambda_",
    keys=Keys,
    contents={
        "create_function": "CreateFunction",
        "function": "GetFunction GetFunctionConfiguration DeleteFunction ListFunctions",
        "function_update": "UpdateFunctionCode UpdateFunctionConfiguration",
        "version": "PublishVersion ListVersionsByFunction",
        "alias": "CreateAlias GetAlias UpdateAlias DeleteAlias ListAliases",
        "layer": "PublishLayerVersion GetLayerVersion GetLayerVersionByArn DeleteLayerVersion ListLayers"
        " ListLayerVersions",
        "layer_permission": "AddLayerVersionPermission RemoveLayerVersionPermission GetLayerVersionPolicy",
        "permission": "AddPermission RemovePermission GetPolicy GetResourcePolicy PutResourcePolicy"
        " DeleteResourcePolicy",
        "concurrency": "PutFunctionConcurrency GetFunctionConcurrency DeleteFunctionConcurrency",
        "event_invoke_config": "PutFunctionEventInvokeConfig GetFunctionEventInvokeConfig"
        " UpdateFunctionEventInvokeConfig DeleteFunctionEventInvokeConfig ListFunctionEventInvokeConfigs",
        "tag": "TagResource UntagResource ListTags",
        "account": "GetAccountSettings",
        "invoke": "Invoke InvokeAsync InvokeWithResponseStream",
        "event_source_mapping": "CreateEventSourceMapping GetEventSourceMapping UpdateEventSourceMapping"
        " DeleteEventSourceMapping ListEventSourceMappings",
        "function_url": "CreateFunctionUrlConfig GetFunctionUrlConfig UpdateFunctionUrlConfig DeleteFunctionUrlConfig"
        " ListFunctionUrlConfigs",
        "provisioned_concurrency": "PutProvisionedConcurrencyConfig GetProvisionedConcurrencyConfig"
        " DeleteProvisionedConcurrencyConfig ListProvisionedConcurrencyConfigs",
        "code_signing": "CreateCodeSigningConfig GetCodeSigningConfig UpdateCodeSigningConfig DeleteCodeSigningConfig"
        " ListCodeSigningConfigs PutFunctionCodeSigningConfig GetFunctionCodeSigningConfig"
        " DeleteFunctionCodeSigningConfig ListFunctionsByCodeSigningConfig",
        "runtime_management": "PutRuntimeManagementConfig GetRuntimeManagementConfig PutFunctionRecursionConfig"
        " GetFunctionRecursionConfig PutFunctionScalingConfig GetFunctionScalingConfig",
        "capacity_provider": "CreateCapacityProvider GetCapacityProvider UpdateCapacityProvider DeleteCapacityProvider"
        " ListCapacityProviders ListFunctionVersionsByCapacityProvider",
        "durable_execution": "GetDurableExecution GetDurableExecutionHistory GetDurableExecutionState"
        " ListDurableExecutionsByFunction StopDurableExecution PauseDurableExecution ResumeDurableExecution"
        " DeleteDurableExecution CheckpointDurableExecution SendDurableExecutionCallbackFailure"
        " SendDurableExecutionCallbackHeartbeat SendDurableExecutionCallbackSuccess",
    },
)
