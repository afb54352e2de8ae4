"""The API server, for the lab's own programs."""
import http.client
import json
import re
import ssl
import threading


class Api:
    def __init__(self, kubeconfig, ca, timeout):
        with open(kubeconfig) as file:
            self._token = re.search(r"token: (\w+)", file.read()).group(1)
        self._tls, self._timeout = ssl.create_default_context(cafile=ca), timeout
        self._local = threading.local()

    def call(self, method, path, body=None, content_type="application/json", address="127.0.0.1"):
        """One request; status and decoded answer. Each thread keeps its last connection."""
        for attempt in (1, 2):
            connection = getattr(self._local, "connection", None)
            if connection is None or connection.host != address:
                connection = http.client.HTTPSConnection(address, 6443, context=self._tls, timeout=self._timeout)
                self._local.connection = connection
            try:
                headers = {"Authorization": "Bearer " + self._token, "Content-Type": content_type}
                connection.request(method, path, None if body is None else json.dumps(body), headers)
                response = connection.getresponse()
                return response.status, json.loads(response.read() or b"{}")
            except (OSError, http.client.HTTPException):
                self._local.connection = None
                if attempt == 2:
                    raise
