"""The cloudlet command run against a node that is a process of its own, and a small project to deploy."""

import subprocess
import sys
from pathlib import Path

from cloudlet.cli.stories.stage import Stage

HANG_GUARD_S = 60
TEMPLATE = """\
Transform: AWS::Serverless-2016-10-31
Parameters: {Word: {Type: String}, Other: {Type: String, Default: "-"}}
Resources:
  Echo:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: echo
      CodeUri: code/
      Handler: app.handler
      Runtime: python3.13
      Environment: {Variables: {WORD: !Ref Word, OTHER: !Ref Other}}
Outputs:
  Name: {Value: !Ref Echo}
"""
CODE = "import os\ndef handler(event, context):\n    print('said', os.environ['WORD'], os.environ['OTHER'], event)\n"


Finished = subprocess.CompletedProcess[str]


class Cloudlet:
    """The command, with an environment that points at the node."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    def __call__(self, *arguments: str) -> Finished:
        return subprocess.run(
            self.command(*arguments), env=self.stage.environment(), capture_output=True, text=True,
            timeout=HANG_GUARD_S, check=False,
        )  # fmt: skip

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "cloudlet", *arguments]

    def deploy(self, project: Path, *arguments: str, stack: str = "talk") -> Finished:
        template = str(project / "template.yaml")
        return self("deploy", template, "--stack-name", stack, "--capabilities", "CAPABILITY_IAM", *arguments)
