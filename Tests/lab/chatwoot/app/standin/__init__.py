"""Stand-in for Chatwoot in the rehearsal cluster: same entry points, variables, tables and traps, none of the product."""
