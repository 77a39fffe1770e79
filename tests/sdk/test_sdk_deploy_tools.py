"""The AWS CLI and the SAM CLI, from PyPI, deploy the example as they deploy it to AWS."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloudlet.cli.stories.stage import Stage
from tests.sdk.other_clients import aws_cli, sam_cli

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "examples" / "file_transformer" / "template.yaml"
PARAMETERS = ["AdminEmail=admin@example.com", "UserField=name"]
HANG_GUARD_S = 240


class Tools:
    def __init__(self, stage: Stage, home: Path) -> None:
        self.stage, self._home = stage, home
        (home / "src").mkdir()
        shutil.copy(TEMPLATE.parent / "src" / "app.py", home / "src")
        shutil.copy(TEMPLATE, home)

    def run(self, command: list[str], status: int = 0) -> str:
        environment = self.stage.environment() | {"HOME": str(self._home), "SAM_CLI_TELEMETRY": "0", "AWS_PAGER": ""}
        done = subprocess.run(
            command, env=environment, cwd=self._home, capture_output=True, text=True, timeout=HANG_GUARD_S, check=False
        )
        assert done.returncode == status, f"{command[1:]}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout + done.stderr

    def user_field(self, stack: str) -> str:
        """What the stack's function was told: its code and parameters have arrived."""
        configuration = self.stage.clients()("lambda").get_function(FunctionName=f"{stack}-transform")["Configuration"]
        assert configuration["CodeSize"] > 1000
        return configuration["Environment"]["Variables"]["USER_FIELD"]

    def stacks(self) -> set[str]:
        active = ["CREATE_COMPLETE", "UPDATE_COMPLETE"]
        found = self.stage.clients()("cloudformation").list_stacks(StackStatusFilter=active)["StackSummaries"]
        return {stack["StackName"] for stack in found}


@pytest.fixture
def tools(tmp_path: Path) -> Iterator[Tools]:
    with Stage() as stage:
        stage.start_node()
        yield Tools(stage, tmp_path)


def test_sam_deploys_with_a_bucket_of_its_own_updates_and_deletes(tools: Tools) -> None:
    sam = [str(sam_cli.required() / "bin" / "sam")]
    deploy = [*sam, "deploy", "--resolve-s3", "--stack-name", "viasam", "--capabilities", "CAPABILITY_IAM"]
    deploy += ["--no-progressbar", "--no-fail-on-empty-changeset", "--parameter-overrides"]
    assert "Successfully created/updated stack - viasam" in tools.run([*deploy, *PARAMETERS])
    assert tools.user_field("viasam") == "name"
    assert "Stack viasam is up to date" in tools.run([*deploy, *PARAMETERS])
    tools.run([*deploy, *PARAMETERS[:1], "UserField=who"])
    assert tools.user_field("viasam") == "who"
    assert tools.stacks() == {"viasam", "aws-sam-cli-managed-default"}
    tools.run([*sam, "delete", "--stack-name", "viasam", "--no-prompts"])
    assert tools.stacks() == {"aws-sam-cli-managed-default"}


def test_the_aws_cli_packages_and_deploys(tools: Tools) -> None:
    aws = [str(aws_cli.required() / "bin" / "aws")]
    tools.run([*aws, "s3", "mb", "s3://packages"])
    package = ["cloudformation", "package", "--template-file", "template.yaml", "--s3-bucket", "packages"]
    tools.run([*aws, *package, "--output-template-file", "packaged.yaml"])
    deploy = [*aws, "cloudformation", "deploy", "--template-file", "packaged.yaml", "--stack-name", "viaaws"]
    deploy += ["--capabilities", "CAPABILITY_IAM", "--no-fail-on-empty-changeset", "--parameter-overrides", *PARAMETERS]
    assert "Successfully created/updated stack - viaaws" in tools.run(deploy)
    assert tools.user_field("viaaws") == "name"
    assert "Stack viaaws is up to date" in tools.run(deploy)
    tools.run([*aws, "cloudformation", "delete-stack", "--stack-name", "viaaws"])
    tools.run([*aws, "cloudformation", "wait", "stack-delete-complete", "--stack-name", "viaaws"])
    assert tools.stacks() == set()
