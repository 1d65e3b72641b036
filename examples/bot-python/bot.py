#!/usr/bin/env python3
"""Greets who calls a Parley node, and says back what it hears."""

import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

NODE = os.environ.get("PARLEY_URL", "http://127.0.0.1:8888")
TOKEN = os.environ.get("PARLEY_TOKEN")


def ask(path, document=None):
    """Makes a request: a POST where there is a document. An answer that is no success raises HTTPError."""
    request = urllib.request.Request(NODE + path)
    if TOKEN:
        request.add_header("Authorization", "Bearer " + TOKEN)
    if document is not None:
        request.add_header("Content-Type", "application/json")
        request.data = json.dumps(document).encode()
    return urllib.request.urlopen(request, timeout=60)  # a stream that is quiet has a comment each 15 seconds


def say(session, text):
    """Sends a text. A session that is over by now is no reason to stop."""
    try:
        ask(f"/v1/sessions/{urllib.parse.quote(session)}/messages", {"body": text}).close()
    except urllib.error.HTTPError as e:
        log(f"not sent: {e.code} {json.load(e).get('detail')}")


def handle(event):
    """docs/events.md has all that an event holds."""
    if event["type"] == "E_MSRP_SESSION_NEW":
        say(event["subject"], "Hello! Say something.")
    elif event["data"]["content_type"].startswith("text/plain"):
        say(event["subject"], "You said: " + event["data"].get("body", ""))


def follow(cursor):
    """Reads server-sent events, and yields the cursor behind each one that was handled."""
    query = urllib.parse.urlencode({"type": "E_MSRP_SESSION_NEW,E_MSRP_MSG_RECEIVED", "from": cursor})
    with ask("/v1/events?" + query) as stream:
        log(f"listening to {NODE}")
        data = ""
        for line in stream:
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if name == "id":
                cursor = value
            elif name == "data":
                data = value
            elif name == "":
                if data:
                    handle(json.loads(data))
                data = ""
                yield cursor


def log(text):
    print(text, file=sys.stderr, flush=True)


def main():
    cursor = ""  # the last event that was handled
    while True:
        try:
            for cursor in follow(cursor):
                pass
            log("cut off, trying again")
        except OSError as e:
            log(f"cut off, trying again: {e}")
        time.sleep(1)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
