"""The pages, each saying plainly what it is, with the marks by which a Chatwoot page is known."""

import html
import json
import os

_NOTICE = "Stand-in of the rehearsal cluster, not Chatwoot"


def dashboard(name, version):
    config = {"hostURL": os.environ.get("FRONTEND_URL", ""), "signupEnabled": os.environ.get("ENABLE_ACCOUNT_SIGNUP", "false"),
              "selectedLocale": "en"}
    installation = {"INSTALLATION_NAME": name, "APP_VERSION": version, "GIT_SHA": "standin"}
    script = f"window.chatwootConfig = {_script(config)};\nwindow.globalConfig = {_script(installation)};"
    return _page(name, version, f"<script>\n{script}\n</script>",
                 '<div id="app"></div>\n<noscript id="noscript">This app works best with JavaScript enabled.</noscript>')


def onboarding(version):
    return _page("SuperAdmin | Chatwoot", version, "",
                 '<main><h1>Howdy, Welcome to Chatwoot</h1>\n'
                 '<form action="/installation/onboarding" method="post"></form></main>')


def error(status, text):
    return (f"<!DOCTYPE html>\n<html><head><title>{html.escape(text)} ({status})</title></head>\n"
            f"<body><h1>{html.escape(text)}</h1><p>{_NOTICE}</p></body></html>\n")


def _script(value):
    return json.dumps(value).replace("<", "\\u003c")


def _page(title, version, head, body):
    return (f"<!DOCTYPE html>\n<!-- {_NOTICE} -->\n<html>\n<head>\n<title>{html.escape(title)}</title>\n"
            f'<meta name="generator" content="{_NOTICE}">\n<meta name="version" content="{html.escape(version)}">\n'
            f'{head}\n</head>\n<body>\n{body}\n<p>{_NOTICE} (version {html.escape(version)})</p>\n</body>\n</html>\n')
