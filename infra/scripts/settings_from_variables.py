"""Hand the repository's variables on to azd in a GitHub workflow: those that infra/main.parameters.json names.

Reads them as a JSON object from VARIABLES, and writes lines for the file GITHUB_ENV to standard output. A setting that
is not handed on would go back to its default with each deployment.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import sys

from hook_tools import ROOT

# Who deploys is told by the login.
FROM_THE_LOGIN = {"AZURE_PRINCIPAL_ID", "AZURE_PRINCIPAL_TYPE"}


def main() -> None:
    """Print the settings; values may have several lines."""
    parameters = (ROOT / "infra" / "main.parameters.json").read_text(encoding="utf-8")
    taken = set(re.findall(r"\$\{(\w+)", parameters)) - FROM_THE_LOGIN
    variables = json.loads(os.environ["VARIABLES"])
    for name in sorted(taken & set(variables)):
        # A value cannot end itself early and set something else, since it cannot know this word.
        end = secrets.token_hex(16)
        sys.stdout.write(f"{name}<<{end}\n{variables[name]}\n{end}\n")


if __name__ == "__main__":
    main()
