"""Says what processes consisted of, side by side: the one that trained and the one that wrote the verdict."""

from collections.abc import Sequence

from schemas.verdict import Environment, Verdict

NOT_KNOWN = "not known"


def processes(verdict: Verdict) -> dict[str, Environment]:
    """Returns what is known of the processes behind a verdict, under what they did."""
    trained = verdict.training.environment if verdict.training else None
    found = {"training": trained, "this verdict": verdict.environment}
    return {name: environment for name, environment in found.items() if environment is not None}


def commit(environment: Environment) -> str:
    """Returns the commit of the code, and whether that was as committed."""
    if environment.commit is None:
        return NOT_KNOWN
    how = {True: "", False: ", with changes that were not committed", None: ", whether with changes is not known"}
    return environment.commit + how[environment.clean]


def side_by_side(environments: Sequence[Environment]) -> list[tuple[str, list[str]]]:
    """Returns rows `(what, [of each process])`; what is told of none is left out."""
    versions = list(dict.fromkeys(name for environment in environments for name in environment.versions))
    rows = [
        ("commit of the code", [commit(environment) for environment in environments]),
        ("stack", [environment.stack or NOT_KNOWN for environment in environments]),
        ("Python", [environment.python or NOT_KNOWN for environment in environments]),
        ("system", [environment.system or NOT_KNOWN for environment in environments]),
    ]
    # A process that loads no TensorFlow computes on nothing.
    if all(environment.device for environment in environments):
        rows.append(("device", [environment.device or "" for environment in environments]))
    rows += [(name, [environment.versions.get(name, "not installed") for environment in environments]) for name in versions]
    return rows if environments else []
