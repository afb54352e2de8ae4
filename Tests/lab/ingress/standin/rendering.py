"""nginx' configuration, written from the rules."""

import os
import re

from .rules import upstream_servers

_HEAD = """\
daemon off;
worker_processes 1;
worker_shutdown_timeout 30s;
pid "{dir}/nginx.pid";
error_log "{dir}/error.log" notice;
{user}
events {{
    worker_connections 1024;
    multi_accept on;
}}

http {{
    default_type text/html;
    server_tokens off;
    keepalive_timeout 75s;
    types_hash_max_size 2048;
    server_names_hash_bucket_size 128;
    log_format lab '$remote_addr [$time_iso8601] "$request" $host $status $body_bytes_sent $request_time '
                   '[$upstream_addr] $upstream_status';
    access_log "{dir}/access.log" lab;
    client_body_temp_path "{dir}/temp/body";
    proxy_temp_path "{dir}/temp/proxy";
    fastcgi_temp_path "{dir}/temp/fastcgi";
    uwsgi_temp_path "{dir}/temp/uwsgi";
    scgi_temp_path "{dir}/temp/scgi";

    map $http_upgrade $connection_upgrade {{
        default upgrade;
        '' '';
    }}
    map $http_host $wanted_host {{
        default $http_host;
        '' $host;
    }}
"""

_DEFAULT_SERVER = """
    server {{
        listen {listen} default_server backlog=4096;
        server_name _;
        location = /healthz {{
            access_log off;
            return 200;
        }}
{locations}    }}
"""

_SERVER = """
    server {{
        listen {listen};
        server_name "{host}";
{locations}    }}
"""

_LOCATION = """\
        location {match} {{
{body}        }}
"""

# A pod is asked over a fresh connection each time, so that a path that a firewall has cut since is noticed at once.
_PROXY = """\
            client_max_body_size {proxy-body-size};
            proxy_connect_timeout {proxy-connect-timeout}s;
            proxy_send_timeout {proxy-send-timeout}s;
            proxy_read_timeout {proxy-read-timeout}s;
            proxy_http_version 1.1;
            proxy_buffering off;
            proxy_next_upstream error timeout;
            proxy_next_upstream_tries 3;
            proxy_redirect off;
            proxy_set_header Host $wanted_host;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
            proxy_set_header X-Request-ID $request_id;
            proxy_set_header X-Real-IP $remote_addr;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Host $wanted_host;
            proxy_set_header X-Forwarded-Port $server_port;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header X-Scheme $scheme;
            proxy_pass http://{upstream};
"""


def render(rules, services, endpoints, folder, listen, unknown=404):
    """`unknown` is what hosts without a rule are answered."""
    upstreams, servers = {}, []
    for host in sorted(rules.hosts):
        if host:
            locations = _locations(rules.hosts[host], services, endpoints, upstreams)
            servers.append(_SERVER.format(listen=listen, host=host, locations=locations))
    default = _locations(rules.hosts.get("", {}), services, endpoints, upstreams, unknown)
    servers.insert(0, _DEFAULT_SERVER.format(listen=listen, locations=default))
    user = "user root;\n" if os.geteuid() == 0 else ""
    return (_HEAD.format(dir=_quoted(folder), user=user)
            + "".join(_upstream(name, addresses) for name, addresses in sorted(upstreams.items()))
            + "".join(servers) + "}\n")


def _locations(places, services, endpoints, upstreams, unknown=404):
    parts = []
    for (path, exact), location in sorted(places.items()):
        addresses = upstream_servers(location, services, endpoints)
        if location.redirect_to_https:
            body = "            return 308 https://$host$request_uri;\n"
        elif addresses:
            name = _name(location)
            upstreams[name] = addresses
            body = _PROXY.format(upstream=name, **dict(location.annotations))
        else:
            body = "            return 503;\n"
        parts.append(_LOCATION.format(match=f'{"= " if exact else ""}"{path}"', body=body))
    if ("/", False) not in places:
        parts.append(_LOCATION.format(match='"/"', body=f"            return {unknown};\n"))
    return "".join(parts)


def _upstream(name, addresses):
    # A failed pod is asked again at the next request: ingress-nginx leaves it to readiness to take pods out.
    servers = "".join(f"        server {f'[{ip}]' if ':' in ip else ip}:{port} max_fails=0;\n" for ip, port in addresses)
    return f"\n    upstream {name} {{\n{servers}    }}\n"


def _name(location):
    return re.sub(r"[^A-Za-z0-9-]", "-", f"{location.namespace}-{location.service}-{location.port}")


def _quoted(text):
    return text.replace("\\", "\\\\").replace('"', '\\"')
