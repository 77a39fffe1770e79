"""`python -m cloudlet`: the same as the `cloudlet` command."""

import sys

from cloudlet.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
