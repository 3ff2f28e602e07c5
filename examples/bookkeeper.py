"""A stand-in for a model with tool calls, so that the refund example needs no network."""

from __future__ import annotations

import json
import re
from typing import Any

from crewai.llms.base_llm import BaseLLM

REFUSED = "refused this call, and it was not made:"
"""Precedes the reason of the person who refused a call, in the tool's answer."""

_NUMBER = r"\d+(?:[.,]\d+)*"
_MONEY = re.compile(
    rf"(?:€|\bEUR\b)\s*({_NUMBER})|({_NUMBER})\s*(?:€|EUR\b|euros?\b)", re.IGNORECASE
)
_NOT_AN_AMOUNT = re.compile(
    r"\b(?:order|invoice|number|no|nr|customer|account)\b[\s.:#]*\d+"
    r"|\d+[.\s]*(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec|day|week|month)",
    re.IGNORECASE,
)
_BARE_NUMBER = re.compile(rf"(?<![\w#.,/-]){_NUMBER}(?![\w/-])")
_PARTICLES = r"(?:(?:van|von|de|der|den|la|di|da)\s)*"
_NAME = rf"{_PARTICLES}[A-ZÀ-ÖØ-Þ][\w'’-]+"
_TITLED = re.compile(rf"\b(?:(?:Ms|Mr|Mrs|Miss|Mx|Dr|Prof|Herr|Frau)\b\.?\s)+{_NAME}(?:\s{_NAME})*")
_NAMES = re.compile(rf"\b{_NAME}(?:\s{_NAME})*")
_NO_NAMES = re.compile(
    r"^(?:(?:a|an|the|i|we|our|they|he|she|it|on|please|refund|pay|order|invoice|customer|charged|"
    r"give|return|eur|euros?|\w+day)\b\s*)+",
    re.IGNORECASE,
)


class Bookkeeper(BaseLLM):
    """Calls `pay_back` if the request names a customer and one amount in euros.

    Otherwise it asks for what is missing. If a person refuses the call and names another amount,
    that one is proposed.
    """

    def supports_function_calling(self) -> bool:
        return True

    def call(self, messages: Any, *_more: Any, **_named: Any) -> Any:
        request, results = _read(messages)
        last = results[-1] if results else ""
        refusal = last.partition(REFUSED)[2]
        customer = customer_in(request)
        euros = euros_in(refusal, bare=True) if last else euros_in(request)
        if customer is None or euros is None or (last and not refusal):
            return _letter(customer, euros, last)
        arguments = {"customer": customer, "euros": euros, "reason": request}
        call = {"name": "pay_back", "arguments": json.dumps(arguments, ensure_ascii=False)}
        return [{"id": f"call_{len(results)}", "type": "function", "function": call}]


def euros_in(text: str, *, bare: bool = False) -> float | None:
    """The amount in euros that a text names, or None if it names none or several.

    `bare`: a number without a currency counts too, unless it is an order number, a date or similar.
    """
    amounts = {_number(before or after) for before, after in _MONEY.findall(text)}
    if not amounts and bare:
        amounts = {_number(n) for n in _BARE_NUMBER.findall(_NOT_AN_AMOUNT.sub(" ", text))}
    return amounts.pop() if len(amounts) == 1 else None


def customer_in(text: str) -> str | None:
    """The customer's name with its titles, such as `Herr Dr. Klein`."""
    if titled := _TITLED.search(text):
        return titled[0]
    names = (_NO_NAMES.sub("", name, count=1) for name in _NAMES.findall(text))
    return next((name for name in names if name), None)


def _number(written: str) -> float:
    """1,200 and 1.200 are thousands; one or two digits after the last mark are cents."""
    cents = re.search(r"[.,](\d{1,2})$", written)
    whole = written[: cents.start()] if cents else written
    return float(re.sub(r"[.,]", "", whole) + (f".{cents[1]}" if cents else ""))


def _read(messages: Any) -> tuple[str, list[str]]:
    """The request, and the tool's answers so far."""
    prompt = " ".join(str(m.get("content") or "") for m in messages if m["role"] == "user")
    request = re.search(r"complaint: (.*?)(?:\n|$)", prompt)
    results = [str(m.get("content") or "") for m in messages if m["role"] == "tool"]
    return (request[1] if request else prompt).strip(), results


def _letter(customer: str | None, euros: float | None, result: str) -> str:
    dear = f"Dear {customer or 'customer'}"
    if result.startswith("Paid"):
        return f"{dear}, we are sorry, and have put it right. {result}"
    if result:
        return f"{dear}, we are looking into it and will write again. ({result})"
    unknown = ["the customer"] if customer is None else []
    unknown += ["one amount in euros"] if euros is None else []
    missing = " and ".join(unknown)
    return f"{dear}, we are looking into it. Nothing was paid: the request does not name {missing}."
