"""From Ingress, Service and Endpoints objects to what nginx has to do, without knowing nginx' language."""

import re
from dataclasses import dataclass, field

PREFIX = "nginx.ingress.kubernetes.io/"

# What ingress-nginx assumes where an Ingress says nothing.
DEFAULTS = {"proxy-connect-timeout": "5", "proxy-send-timeout": "60", "proxy-read-timeout": "60", "proxy-body-size": "1m"}
_FORMS = {"proxy-connect-timeout": r"\d+", "proxy-send-timeout": r"\d+", "proxy-read-timeout": r"\d+",
          "proxy-body-size": r"\d+[kKmMgG]?"}
_PATH = re.compile(r"/[A-Za-z0-9/_.~%:@!&()*+,=-]*")
_HOST = re.compile(r"(\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?")


@dataclass(frozen=True)
class Location:
    path: str
    exact: bool
    namespace: str
    service: str
    port: object            # number or name, as the Ingress has it
    annotations: tuple      # pairs of (name, value), every one of DEFAULTS
    redirect_to_https: bool


@dataclass
class Rules:
    hosts: dict = field(default_factory=dict)   # host -> {(path, exact): Location}; "" is every other host
    complaints: list = field(default_factory=list)


def ingress_essence(item):
    metadata, annotations = item["metadata"], item["metadata"].get("annotations") or {}
    relevant = {name: value for name, value in annotations.items()
                if name.startswith(PREFIX) or name == "kubernetes.io/ingress.class"}
    return {"annotations": relevant, "spec": item.get("spec") or {}, "created": metadata.get("creationTimestamp") or ""}


def service_essence(item):
    spec = item.get("spec") or {}
    return {"ports": [{name: port.get(name) for name in ("name", "port", "targetPort")} for port in spec.get("ports") or []]}


def endpoints_essence(item):
    """Ready addresses by the name of their port: {name: [(address, port), ...]}."""
    found = {}
    for subset in item.get("subsets") or []:
        for port in subset.get("ports") or []:
            addresses = [(address["ip"], port["port"]) for address in subset.get("addresses") or []]
            found.setdefault(port.get("name") or "", []).extend(addresses)
    return {name: sorted(addresses) for name, addresses in found.items()}


def rules(ingresses, wanted_class):
    """Puts the rules of all Ingresses of the class together; where two claim one path, the older keeps it."""
    result = Rules()
    for (namespace, name), ingress in sorted(ingresses.items(), key=lambda pair: (pair[1]["created"], pair[0])):
        spec, annotations = ingress["spec"], ingress["annotations"]
        if (spec.get("ingressClassName") or annotations.get("kubernetes.io/ingress.class")) != wanted_class:
            continue
        label = f"ingress {namespace}/{name}"
        settings = _settings(annotations, label, result.complaints)
        secure = {host for entry in spec.get("tls") or [] for host in entry.get("hosts") or []}
        for rule in spec.get("rules") or []:
            host = rule.get("host") or ""
            if host and not _HOST.fullmatch(host):
                result.complaints.append(f"{label}: host {host!r} is not usable, ignored")
                continue
            redirect = (annotations.get(PREFIX + "force-ssl-redirect") == "true"
                        or host in secure and annotations.get(PREFIX + "ssl-redirect") != "false")
            for path in (rule.get("http") or {}).get("paths") or []:
                _add(result, label, host, path, namespace, settings, redirect)
    return result


def _add(result, label, host, path, namespace, settings, redirect):
    text, kind = path.get("path") or "/", path.get("pathType")
    backend = (path.get("backend") or {}).get("service")
    if not _PATH.fullmatch(text) or not backend:
        result.complaints.append(f"{label}: path {text!r} is not usable, ignored")
        return
    port = backend.get("port") or {}
    common = {"namespace": namespace, "service": backend["name"], "port": port.get("number") or port.get("name"),
              "annotations": settings, "redirect_to_https": redirect}
    places = [(text, kind == "Exact")]
    if kind == "Prefix" and text != "/":
        # /a means /a and everything under /a/, but not /ab.
        places = [(text.rstrip("/"), True), (text.rstrip("/") + "/", False)]
    for place in places:
        result.hosts.setdefault(host, {}).setdefault(place, Location(place[0], place[1], **common))


def _settings(annotations, label, complaints):
    settings = dict(DEFAULTS)
    for name, form in _FORMS.items():
        value = annotations.get(PREFIX + name)
        if value is None:
            continue
        if re.fullmatch(form, value):
            settings[name] = value
        else:
            complaints.append(f"{label}: annotation {PREFIX}{name} has the value {value!r}, which is not "
                              f"{'a size' if name.endswith('size') else 'a whole number of seconds'}; ignored")
    return tuple(sorted(settings.items()))


def upstream_servers(location, services, endpoints):
    """The pods behind a location, never the Service's own address; empty when none is ready."""
    key = (location.namespace, location.service)
    for port in services.get(key, {}).get("ports", []):
        if location.port in (port["port"], port["name"]):
            return endpoints.get(key, {}).get(port["name"] or "", [])
    return []
