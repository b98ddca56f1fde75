"""What a deployment of infra/ comes to, as Microsoft's Bicep compiler predicts it.

`bicep snapshot` evaluates the whole template without Azure. It needs a `bicep` on the PATH. So that most tests also run
without one, the prediction of the variant `new` is committed, with a digest of the files that it was made of. After a
change under infra/ run

    python -m tests.infra.predictions
"""

import hashlib
import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
INFRA = ROOT / "infra"
BICEP_FILES = sorted(INFRA.rglob("*.bicep"))
BICEP = shutil.which("bicep")
WITHOUT_BICEP = "there is no bicep on the PATH: the compiler and its predictions did not run"
COMMITTED = Path(__file__).with_name("new_deployment.json")

HERE = "00000000-0000-0000-0000-000000000001"
ELSEWHERE = "00000000-0000-0000-0000-000000000002"
OPERATOR = "aaaaaaaa-0000-0000-0000-000000000001"
PRODUCER = "bbbbbbbb-0000-0000-0000-000000000002"
_CONTEXT = (
    *("--location", "westeurope", "--deployment-name", "demo"),
    *("--subscription-id", HERE, "--tenant-id", "00000000-0000-0000-0000-0000000000aa"),
)

Resource = dict[str, Any]
Resources = dict[str, Resource]
Parameters = dict[str, str | int | bool]

_NEW: Parameters = {"operatorPrincipalIds": OPERATOR, "producerPrincipalIds": PRODUCER}
VARIANTS: dict[str, Parameters] = {
    "new": _NEW,
    "nobody": {},
    "existing": {
        **_NEW,
        "existingGeocatalogName": "theirs",
        "existingGeocatalogResourceGroup": "rg-theirs",
        "existingGeocatalogSubscriptionId": ELSEWHERE,
    },
    # Left over from an existing GeoCatalog that is no longer used.
    "leftovers": {
        **_NEW,
        "existingGeocatalogResourceGroup": "rg-theirs",
        "existingGeocatalogSubscriptionId": ELSEWHERE,
    },
    "existing-without-group": {"existingGeocatalogName": "theirs"},
    # Spelled in two ways, with blanks and commas too many, and an operator who is a producer and deploys, too.
    "odd-lists": {
        "operatorPrincipalIds": f" {OPERATOR.upper()} ,{OPERATOR},",
        "producerPrincipalIds": f",{PRODUCER}, {PRODUCER.upper()},,{OPERATOR}",
        "deployerPrincipalId": OPERATOR.upper(),
        "deployerPrincipalType": "User",
    },
    "person-deploys": {
        "producerPrincipalIds": PRODUCER,
        "deployerPrincipalId": OPERATOR,
        "deployerPrincipalType": "User",
    },
    "pipeline-deploys": {**_NEW, "deployerPrincipalId": ELSEWHERE, "deployerPrincipalType": "ServicePrincipal"},
    "mail": {**_NEW, "alertEmail": "operators@example.com"},
    "always-ready": {**_NEW, "alwaysReadyInstances": 2},
    "locked": {**_NEW, "geocatalogDeleteLock": True},
    "vnet": {**_NEW, "vnetEnabled": True, "allowedIpRanges": "203.0.113.7, 198.51.100.0/24,"},
}


class PredictionFailed(Exception):
    """The compiler refused a template or its parameters; the text is what it says."""


def predict(variant: str) -> Resources:
    """Have the compiler predict a variant of the deployment.

    Returns:
        The resources by id, with `~` for the path of the deployment's own resource group and `TOKEN` for the unique
        part of names.

    Raises:
        PredictionFailed: the template does not compile or cannot be evaluated.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "infra"
        shutil.copytree(INFRA, folder)
        parameters: Parameters = {"environmentName": "demo", "location": "westeurope", **VARIANTS[variant]}
        lines = ["using 'main.bicep'", *(f"param {key} = {_literal(value)}" for key, value in parameters.items())]
        (folder / "case.bicepparam").write_text("\n".join(lines) + "\n", encoding="utf-8")
        done = subprocess.run(
            [str(BICEP), "snapshot", "case.bicepparam", *_CONTEXT],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if done.returncode:
            raise PredictionFailed(done.stdout + done.stderr)
        text = (folder / "case.snapshot.json").read_text(encoding="utf-8")
    group = f"/subscriptions/{HERE}/resourceGroups/rg-demo/providers"
    token = re.findall(r"/sthost(\w+)", text)[0]
    listed: list[Resource] = json.loads(text.replace(group, "~").replace(token, "TOKEN"))["predictedResources"]
    resources = {resource["id"]: resource for resource in listed}
    if len(resources) != len(listed):
        raise PredictionFailed("a resource is deployed twice")
    return dict(sorted(resources.items()))


def digest() -> str:
    """Return a digest of all files that a prediction is made of, whatever their line ends."""
    hashed = hashlib.sha256()
    for path in _sources():
        hashed.update(path.relative_to(INFRA).as_posix().encode())
        hashed.update(path.read_text(encoding="utf-8").encode())
    return hashed.hexdigest()


def committed() -> Resources:
    """Return the committed prediction of the variant `new`."""
    listed: list[Resource] = json.loads(COMMITTED.read_text(encoding="utf-8"))["resources"]
    return {resource["id"]: resource for resource in listed}


def settings_of(resources: Resources) -> dict[str, str]:
    """Return the app's settings, each with its value or the expression that Azure will evaluate."""
    expression = resources["~/Microsoft.Web/sites/func-TOKEN/config/appsettings"]["properties"]
    name_and_value = r"'(\w+)', ((?:'[^']*'|\w+\([^()]*(?:\([^()]*\)[^()]*)*\)[\w.]*))"
    return {name: value.strip("'") for name, value in re.findall(name_and_value, expression)}


def of_type(resources: Resources, kind: str) -> list[Resource]:
    """Return the resources of one type, such as Microsoft.Web/sites."""
    return [resource for resource in resources.values() if resource["type"] == kind]


def _sources() -> list[Path]:
    """Return the Bicep files and the files that they load."""
    sources = set(BICEP_FILES)
    for path in BICEP_FILES:
        for name in re.findall(r"load\w+Content\('([^']+)'\)", path.read_text(encoding="utf-8")):
            sources.add((path.parent / name).resolve())
    return sorted(sources)


def _literal(value: str | int | bool) -> str:
    return f"'{value}'" if isinstance(value, str) else str(value).lower()


def commit() -> None:
    """Write the prediction of the variant `new` beside the tests, one resource a line."""
    lines = [f" {json.dumps(resource)}" for resource in predict("new").values()]
    text = f'{{"made_of": "{digest()}",\n"resources": [\n' + ",\n".join(lines) + "\n]}\n"
    COMMITTED.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    commit()
