"""A back end that uses Holdfast's HTTP API with nothing but Python's standard library (3.9 or later).

    python3 backend.py [session]

creates the session, sends two messages into it, reads the history, and tells every connection something.
HOLDFAST_API says where the API is; default http://localhost:8000/chat/api. HOLDFAST_TOKEN is an access token with the
scopes read, write and admin for all sessions, where the server asks for one.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

ATTEMPTS = 5


class Refused(Exception):
    """The API refused a request: `code` is a word (rule H3), the text is a sentence."""

    def __init__(self, failure):
        super().__init__(failure["error"])
        self.code = failure["code"]


class Holdfast:
    def __init__(self, api, token=None):
        self.api = api.rstrip("/")
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    def create_session(self, session_id, data=None, ttl=None):
        """Creates a session. Refused with `session_exists` when there is one. ttl in seconds."""
        fields = {"session_id": session_id, "data": data, "ttl": ttl}
        return self._request("POST", "/sessions/", {k: v for k, v in fields.items() if v is not None})

    def send(self, session_id, content, sender="server"):
        """Stores a message, delivers it to the members, and returns its number.

        The id is made here, once: when an answer is lost, the same message is sent again under the same id, and the
        API recognises it instead of storing it twice.
        """
        message = {"content": content, "sender": sender, "id": uuid.uuid4().hex}
        return self._request("POST", f"/sessions/{session_id}/messages/", message)["seq"]

    def history(self, session_id):
        """Yields every stored message as {"seq", "id", "content", "sender", "timestamp"}, the oldest first."""
        after = 0
        while True:
            query = urllib.parse.urlencode({"view": "log", "after_seq": after})
            page = self._request("GET", f"/sessions/{session_id}/messages/?{query}")
            yield from page["messages"]
            if not page["has_more"]:
                return
            after = page["messages"][-1]["seq"]

    def broadcast(self, message, title=None, level="info"):
        """Tells every connection of every gateway. level: info, warning, error or success."""
        fields = {"message": message, "title": title, "level": level}
        return self._request("POST", "/broadcast/", {k: v for k, v in fields.items() if v is not None})

    def _request(self, method, path, body=None):
        """One request. 429, 503 and a lost connection are tried again, which is safe for every call of this class
        but a broadcast, which some may then see twice."""
        data = None if body is None else json.dumps(body).encode()
        headers = {} if data is None else {"Content-Type": "application/json"}
        request = urllib.request.Request(self.api + path, data, {**headers, **self.headers}, method=method)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with urllib.request.urlopen(request, timeout=10) as response:
                    return json.load(response)
            except urllib.error.HTTPError as error:
                failure = json.load(error)
                if error.code not in (429, 503) or attempt == ATTEMPTS:
                    raise Refused(failure) from None
                time.sleep(float(error.headers.get("Retry-After", 1)))
            except OSError:
                # No answer: nobody knows whether it arrived.
                if attempt == ATTEMPTS:
                    raise
                time.sleep(attempt)


def main():
    session = sys.argv[1] if len(sys.argv) > 1 else "my-session"
    holdfast = Holdfast(os.environ.get("HOLDFAST_API", "http://localhost:8000/chat/api"), os.environ.get("HOLDFAST_TOKEN"))
    try:
        holdfast.create_session(session, data={"topic": "orders"})
        print(f"created {session}")
    except Refused as refused:
        if refused.code != "session_exists":
            raise
        print(f"{session} exists")
    for content in ("Your order has been packed.", "Your order has been sent."):
        print(f"stored as number {holdfast.send(session, content, sender='shop')}")
    for message in holdfast.history(session):
        print(f"{message['seq']} {message['sender']}: {message['content']}")
    holdfast.broadcast("The shop closes at eight.", title="Today")
    print("broadcast")


if __name__ == "__main__":
    main()
