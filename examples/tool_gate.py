"""A CrewAI crew with a tool that nobody wants to be called unseen: it pays money back.

Nothing here knows of Slack or of approvals; that calls of `pay_back` wait for a person is said in
crews.yml. `Bookkeeper` stands in for a model that can call tools, so that the example works
without a network: leave `llm=` out to have the model do it that you run.
"""

from __future__ import annotations

import json
import re
from typing import Any

from crewai import Agent, Crew, Task
from crewai.llms.base_llm import BaseLLM
from crewai.tools import tool


@tool("pay_back")
def pay_back(customer: str, euros: float, reason: str) -> str:
    """Pays an amount back to a customer, at once and for good."""
    return f"Paid {euros:g} euros back to {customer} ({reason})."


class Bookkeeper(BaseLLM):
    """Finds a name and an amount in the request and calls the tool with them.

    Where a person refused the call and named another amount, that one is tried.
    """

    def supports_function_calling(self) -> bool:
        return True

    def call(self, messages: Any, *_more: Any, **_named: Any) -> Any:
        request, results = _read(messages)
        last = results[-1] if results else ""
        amount = _amount(last) if "refused" in last else _amount(request)
        if amount is None or last.startswith("Paid") or (last and "refused" not in last):
            return _letter(_customer(request), last)
        wanted = {
            "customer": _customer(request),
            "euros": amount,
            "reason": " ".join(request.split())[:100],
        }
        call = {"name": "pay_back", "arguments": json.dumps(wanted)}
        return [{"id": f"call_{len(results)}", "type": "function", "function": call}]


def _read(messages: Any) -> tuple[str, list[str]]:
    """What was asked for, and what the tool said so far."""
    said = " ".join(str(m.get("content") or "") for m in messages if m["role"] == "user")
    request = re.search(r"complaint: (.*?)(?:\n|$)", said)
    results = [str(m.get("content") or "") for m in messages if m["role"] == "tool"]
    return (request[1] if request else said), results


def _amount(text: str) -> float | None:
    found = re.search(r"\d+(?:[.,]\d+)?", text)
    return float(found[0].replace(",", ".")) if found else None


def _customer(request: str) -> str:
    found = re.search(r"\b[A-Z][a-z]+\b", request)
    return found[0] if found else "the customer"


def _letter(customer: str, result: str) -> str:
    if result.startswith("Paid"):
        return f"Dear {customer}, we are sorry, and have put it right. {result}"
    why = f" ({result})" if result else ""
    return f"Dear {customer}, we are looking into it and will write again.{why}"


def refund() -> Crew:
    clerk = Agent(
        role="Refund clerk",
        goal="Put right what went wrong for a customer",
        backstory="You pay back what is owed, not a cent more, and write a kind line with it.",
        tools=[pay_back],
        llm=Bookkeeper(model="bookkeeper"),
    )
    settle = Task(
        name="settle",
        description="Settle this complaint: {user_input}",
        expected_output="A line to the customer that says what was done",
        agent=clerk,
    )
    return Crew(agents=[clerk], tasks=[settle])
