"""Log lines on stdout; the lab keeps them in a file for each node."""

from datetime import datetime, timezone


def say(text):
    print(f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%S.%fZ} {text}", flush=True)


class Once:
    """Says each thing when it is first true, and again only after it has been false in between."""

    def __init__(self):
        self._said = set()

    def keep(self, texts):
        for text in texts:
            if text not in self._said:
                say(text)
        self._said = set(texts)
