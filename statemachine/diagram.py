"""The state diagram, drawn from the table of edges (mermaid: nothing to install, rendered by code hosts)."""

from statemachine.lifecycle import EDGES, State


def mermaid() -> str:
    """The table of edges as a mermaid state diagram."""
    lines = ["stateDiagram-v2", f"    [*] --> {State.BOOT.name}: start"]
    for edge in EDGES:
        lines += [f"    {source.name} --> {edge.target.name}: {edge.trigger}" for source in edge.sources]
    lines.append(f"    {State.DRAINING.name} --> [*]: exit 0")
    lines += [f"    note right of {edge.target.name}: {edge.trigger} = {edge.meaning}" for edge in EDGES]
    return "\n".join(lines)


if __name__ == "__main__":
    print(mermaid())  # noqa: T201
