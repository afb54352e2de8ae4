import Testing

/// The long rehearsals: every failure of the record, every kind of drift, plans, backups and resets.
///
/// All on one cluster, and so one after the other. `make rehearse` runs them, `make test` the rest.
@Suite(.serialized) struct RehearsalTests {}
