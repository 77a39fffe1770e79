"""Which properties can't be changed in place: a new value makes a new resource. A table, from AWS's reference pages.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html
"""

ALL = "*"

CREATE_ONLY: dict[str, frozenset[str]] = {
    name: frozenset(properties.split())
    for name, properties in {
        "AWS::ApiGateway::RestApi": "",
        "AWS::CloudFormation::Stack": "",
        "AWS::CloudFormation::WaitConditionHandle": "",
        "AWS::CloudWatch::Alarm": "AlarmName",
        "AWS::DynamoDB::Table": "TableName KeySchema LocalSecondaryIndexes ImportSourceSpecification",
        "AWS::Events::EventBus": "Name",
        "AWS::Events::Rule": "Name EventBusName",
        "AWS::IAM::AccessKey": "UserName Serial",
        "AWS::IAM::Group": "GroupName",
        "AWS::IAM::InstanceProfile": "InstanceProfileName Path",
        "AWS::IAM::ManagedPolicy": "ManagedPolicyName Description Path",
        "AWS::IAM::Policy": "",
        "AWS::IAM::Role": "RoleName Path",
        "AWS::IAM::User": "UserName",
        "AWS::IAM::UserToGroupAddition": "",
        "AWS::Kinesis::Stream": "Name",
        "AWS::Lambda::Alias": "FunctionName Name",
        "AWS::Lambda::EventInvokeConfig": "FunctionName Qualifier",
        "AWS::Lambda::EventSourceMapping": (
            "EventSourceArn StartingPosition StartingPositionTimestamp SelfManagedEventSource "
            "AmazonManagedKafkaEventSourceConfig SelfManagedKafkaEventSourceConfig"
        ),
        "AWS::Lambda::Function": "FunctionName PackageType TenancyConfig",
        "AWS::Lambda::LayerVersion": ALL,
        "AWS::Lambda::LayerVersionPermission": ALL,
        "AWS::Lambda::Permission": ALL,
        "AWS::Lambda::Url": "TargetFunctionArn Qualifier",
        "AWS::Lambda::Version": "FunctionName CodeSha256 Description RuntimePolicy",
        "AWS::Logs::LogGroup": "LogGroupName LogGroupClass",
        "AWS::Logs::LogStream": "LogGroupName LogStreamName",
        "AWS::S3::Bucket": "BucketName",
        "AWS::S3::BucketPolicy": "Bucket",
        "AWS::SNS::Subscription": "TopicArn Protocol Endpoint",
        "AWS::SNS::Topic": "TopicName FifoTopic",
        "AWS::SNS::TopicPolicy": "",
        "AWS::SQS::Queue": "QueueName FifoQueue",
        "AWS::SQS::QueuePolicy": "",
    }.items()
}


def requires_recreation(resource_type: str, property_name: str) -> bool:
    """Whether a changed property makes a new resource; an unknown type is changed in place (a custom resource)."""
    properties = CREATE_ONLY.get(resource_type, frozenset())
    return ALL in properties or property_name in properties
