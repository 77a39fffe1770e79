"""cloudlet deploy, against a node that is a process of its own."""

from pathlib import Path

import pytest
from command_line import TEMPLATE, Cloudlet

pytestmark = pytest.mark.slow


def test_a_template_with_local_code_is_deployed_updated_and_left_alone(cloudlet: Cloudlet, project: Path) -> None:
    made = cloudlet.deploy(project, "--parameter", "Word=one")
    assert made.returncode == 0, made.stderr
    assert "code/ → s3://deploy-packages-000000000000-us-east-1/talk/" in made.stdout
    assert made.stdout.splitlines()[-1].split() == ["Name", "echo"]
    assert "CREATE_COMPLETE              AWS::CloudFormation::Stack   talk" in made.stdout

    same = cloudlet.deploy(project, "--parameter", "Word=one")
    assert (same.returncode, "Stack talk is up to date" in same.stdout) == (0, True), same.stderr

    changed = cloudlet.deploy(project, "--parameter", "Other=two")
    assert changed.returncode == 0, changed.stderr
    assert "UPDATE_COMPLETE              AWS::Lambda::Function        Echo" in changed.stdout
    configuration = cloudlet.stage.clients()("lambda").get_function_configuration(FunctionName="echo")
    assert configuration["Environment"]["Variables"] == {"WORD": "one", "OTHER": "two"}


def test_what_a_deployment_lacks_is_told_in_one_line(cloudlet: Cloudlet, project: Path) -> None:
    missing = cloudlet.deploy(project, stack="other")
    assert missing.returncode == 1
    assert missing.stderr.startswith("cloudlet: CreateChangeSet: ValidationError: Parameters: [Word] must have values")
    unknown = cloudlet.deploy(project, "--parameter", "Wrod=x", stack="other")
    assert unknown.stderr == "cloudlet: the template has no parameter Wrod; it has Word, Other\n"
    malformed = cloudlet.deploy(project, "--parameter", "Word", stack="other")
    assert malformed.stderr == "cloudlet: --parameter is 'Word'; expected NAME=VALUE\n"
    nowhere = cloudlet("deploy", "nowhere.yaml", "--stack-name", "x")
    assert nowhere.stderr == "cloudlet: cannot read nowhere.yaml: No such file or directory\n"


def test_a_deployment_that_fails_names_the_first_reason(cloudlet: Cloudlet, project: Path) -> None:
    broken = TEMPLATE.replace(
        "Handler: app.handler", "Handler: app.handler\n      Role: arn:aws:iam::000000000000:role/no"
    )
    (project / "template.yaml").write_text(broken)
    failed = cloudlet.deploy(project, "--parameter", "Word=x", stack="broken")
    assert failed.returncode == 1
    assert failed.stderr.startswith("cloudlet: stack broken is ROLLBACK_COMPLETE: Echo: "), failed.stderr
    again = cloudlet.deploy(project, "--parameter", "Word=x", stack="broken")
    assert "was rolled back; delete it, then deploy again" in again.stderr
