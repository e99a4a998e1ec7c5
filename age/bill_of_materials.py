"""The bill of materials of an environment: every Python package in it, with its version, its licence and what it needs, as CycloneDX.

    python -m age.bill_of_materials > sbom.cdx.json

A model has that of the process that trained it beside it, and the image has that of its own packages, by the same way. The same
environment gives the same text: no time and no random number is in it.
"""

import importlib.metadata
import json
import os
import sys
from collections.abc import Iterable

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import LicenseAcknowledgement
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

BILL_FILE = "sbom.cdx.json"

_PROJECT = "age-pipeline"
_LICENSE_CLASSIFIER = "License :: "
_LONGEST_NAME = 100


def _licences(distribution: importlib.metadata.Distribution) -> list[str]:
    """Returns what a package says of its licence: an expression (PEP 639), or else classifiers, or else a name."""
    said = distribution.metadata
    if expressions := said.get_all("License-Expression"):
        return list(expressions)
    classifiers = [one for one in said.get_all("Classifier") or [] if one.startswith(_LICENSE_CLASSIFIER)]
    if classifiers:
        return [one.rpartition(" :: ")[2] for one in classifiers]
    names = [name.strip() for name in said.get_all("License") or []]
    # Some have the whole text there.
    return [name for name in names if name and "\n" not in name and len(name) <= _LONGEST_NAME]


def _component(distribution: importlib.metadata.Distribution) -> Component:
    name, version = distribution.metadata["Name"], distribution.version
    licences = _licences(distribution)
    factory = LicenseFactory()
    made = [factory.make_from_string(one, license_acknowledgement=LicenseAcknowledgement.DECLARED) for one in licences]
    purl = PackageURL("pypi", name=canonicalize_name(name), version=version)
    return Component(
        name=name,
        version=version,
        type=ComponentType.APPLICATION if canonicalize_name(name) == _PROJECT else ComponentType.LIBRARY,
        bom_ref=purl.to_string(),
        purl=purl,
        licenses=made,
    )


def _needed(distribution: importlib.metadata.Distribution) -> Iterable[str]:
    """Yields the names of what a package needs here, extras left out."""
    for text in distribution.requires or ():
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield canonicalize_name(requirement.name)


def of_this_environment() -> str:
    """Returns the bill of materials of this process's environment, CycloneDX 1.6 as JSON."""
    distributions: dict[str, importlib.metadata.Distribution] = {}
    # What setuptools carries along for itself is on the path of processes that have imported it, and nothing is installed from there.
    path = [directory for directory in sys.path if os.path.basename(directory) != "_vendor"]
    for distribution in importlib.metadata.distributions(path=path):
        if distribution.metadata["Name"]:
            # The first one on the path is the one that is imported.
            distributions.setdefault(canonicalize_name(distribution.metadata["Name"]), distribution)
    components = {name: _component(distribution) for name, distribution in distributions.items()}
    bill = Bom(components=components.values())
    bill.metadata.properties.add(Property(name="python", value=sys.version.split()[0]))
    for name, distribution in distributions.items():
        bill.register_dependency(components[name], [components[one] for one in _needed(distribution) if one in components])
    content = json.loads(JsonV1Dot6(bill).output_as_string())
    del content["serialNumber"], content["metadata"]["timestamp"]
    return json.dumps(content, indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    print(of_this_environment(), end="")
