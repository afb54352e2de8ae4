"""Stand-in for ingress-nginx on one node of the rehearsal cluster: its rules, limits and delays around Debian's nginx."""
