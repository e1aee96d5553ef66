"""A server for a proof: ``python -m perennial.serving.temporary ENDPOINT PARENT`` serves until its parent ends or ends it."""

import sys

from perennial.errors import mistakes_told
from perennial.processes import die_with_parent
from perennial.serving.server import serve
from perennial.settings import Settings


def main() -> None:
    """Serve the endpoint as the environment's settings say, a canary alone too; a mistake is a sentence and exit code 2."""
    endpoint, parent = sys.argv[1:]
    die_with_parent(int(parent))
    with mistakes_told():
        serve(endpoint, Settings.load(), canary_alone=True, announce=False)


if __name__ == "__main__":
    main()
