"""The requests that the demo prints, sent as a shell would send them."""

import re
import shlex
from itertools import pairwise
from typing import Any

import httpx


def requests_in(printed: str) -> list[list[str]]:
    """Give the commands in a text, each as the words that a shell reads."""
    return [shlex.split(one) for one in re.findall(r"^curl (?:.*\\\n)*.*$", printed, re.MULTILINE)]


def send(words: list[str], http: httpx.Client) -> Any:
    """Send what a printed command would send; gives the answer's body."""
    headers = dict(word.split(": ", 1) for flag, word in pairwise(words) if flag == "-H")
    (body,) = [word for flag, word in pairwise(words) if flag == "-d"]
    (url,) = [word for word in words if word.startswith("http://")]
    return http.post(url, content=body, headers=headers).json()
