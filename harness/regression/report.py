"""The results as text, JSON or JUnit XML, and as an exit code."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from xml.etree import ElementTree

from harness.regression.baseline import Made
from harness.regression.judgement import Judgement, Status

CODES = {Status.FINE: 0, Status.BETTER: 0, Status.REGRESSION: 1, Status.UNTOLD: 2}


@dataclass(frozen=True, slots=True)
class Report:
    """All results of one check.

    here:    where it was run
    seconds: that measuring took, by group
    """

    findings: Sequence[Judgement]
    here: Made
    seconds: dict[str, float]

    @property
    def status(self) -> Status:
        """The worst status: a regression, then "could not tell"."""
        there = {finding.status for finding in self.findings}
        for worst in (Status.REGRESSION, Status.UNTOLD):
            if worst in there:
                return worst
        return Status.FINE

    @property
    def code(self) -> int:
        """0 fine, 1 regression, 2 could not tell."""
        return CODES[self.status]

    def text(self) -> str:
        """A line per figure that is not fine, a line per group, and the outcome."""
        off = [each for each in self.findings if each.status is not Status.FINE]
        width = max((len(each.reading.name) for each in off), default=0)
        lines = [f"{each.status:<14}  {each.reading.name:<{width}}  {each.said}" for each in off]
        if lines:
            lines.append("")
        for group, seconds in self.seconds.items():
            own = [each for each in self.findings if each.reading.group == group]
            lines.append(f"{group:<8}  {_counted(own):<50}  {seconds:4.0f} s")
        lines.append(f"{self.status}: {_counted(self.findings)}")
        return "\n".join(lines)

    def json(self) -> str:
        """Everything, as one object."""
        figures = [
            {
                "name": each.reading.name,
                "status": str(each.status),
                "said": each.said,
                "values": list(each.reading.values),
                "baseline": asdict(each.recorded) if each.recorded else None,
            }
            for each in self.findings
        ]
        whole = {
            "status": str(self.status),
            "exit_code": self.code,
            "seconds": {group: round(seconds, 1) for group, seconds in self.seconds.items()},
            "here": self.here,
            "figures": figures,
        }
        return json.dumps(whole, indent=1)

    def junit(self) -> str:
        """A test suite per group, a test case per figure; "could not tell" is an error."""
        root = ElementTree.Element("testsuites", name="sgbench check")
        for group, seconds in self.seconds.items():
            own = [each for each in self.findings if each.reading.group == group]
            suite = ElementTree.SubElement(
                root, "testsuite", name=group, time=f"{seconds:.1f}", tests=str(len(own)),
                failures=str(sum(each.status is Status.REGRESSION for each in own)),
                errors=str(sum(each.status is Status.UNTOLD for each in own)), skipped="0",
            )  # fmt: skip
            for each in own:
                case = ElementTree.SubElement(
                    suite, "testcase", classname=f"check.{group}", name=each.reading.name
                )
                said = _printable(each.said)
                if each.status is Status.REGRESSION:
                    ElementTree.SubElement(case, "failure", message=said, type="regression")
                elif each.status is Status.UNTOLD:
                    ElementTree.SubElement(case, "error", message=said, type="could not tell")
                else:
                    ElementTree.SubElement(case, "system-out").text = f"{each.status}: {said}"
        ElementTree.indent(root)
        return ElementTree.tostring(root, encoding="unicode", xml_declaration=True)


def _counted(findings: Sequence[Judgement]) -> str:
    counts = {s: sum(each.status is s for each in findings) for s in Status}
    said = [f"{count} {status}" for status, count in counts.items() if count]
    return f"{len(findings)} figures: {', '.join(said) or 'none'}"


def _printable(text: str) -> str:
    """Without the control characters that XML cannot hold, escaped or not."""
    return re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "�", text)
