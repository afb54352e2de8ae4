public import ClientKit

extension RunJournal: ActivityObserver {
    /// The redactor.
    public nonisolated var inputDigester: (any InputDigester)? { redactor }

    /// Records that `activity` is about to be sent; durably where it may change anything.
    public func willBegin(_ activity: Activity) throws(JournalError) {
        try begin(activity)
    }

    /// Redacts, hashes and writes output.
    public nonisolated func didReceive(
        _ bytes: ArraySlice<UInt8>, from stream: ClientKit.OutputStream, of activity: Activity
    ) {
        let recorder = recorders.withLock { $0[activity.id] }
        recorder?.receive(bytes, from: stream)
    }

    /// Records what came back; durably where it may have changed anything.
    public func didEnd(_ activity: Activity, _ outcome: ActivityOutcome) throws(JournalError) {
        guard let recorder = recorders.withLock({ $0.removeValue(forKey: activity.id) }) else {
            throw .defect("record the end of a command in", path, "it was never started")
        }
        let (stdout, stderr) = recorder.finish()
        let (word, value) = words(for: outcome.status)
        let milliseconds = Int(outcome.duration / .milliseconds(1))
        let closing = "#\(recorder.command) end \(word) \(value.onOneLine)"
        recorder.transcript.write(Array("\(closing) after \(milliseconds) ms\n".utf8))
        let failure = recorder.transcript.failure
        let end = CommandEnd(
            start: recorder.command, outcome: word, value: value, durationMilliseconds: milliseconds, stdout: stdout,
            stderr: stderr, transcriptFailure: failure?.cause)
        var entry = blank(.commandEnd(end), step: recorder.step)
        entry.files = [recorder.transcript.announcement]
        try append(entry, durable: activity.effect == .change)
        if let failure { throw failure }
    }

    private func begin(_ activity: Activity) throws(JournalError) {
        let step = currentStep
        let start = CommandStart(
            host: redactor.redact(activity.host), channel: activity.channel, hostKey: activity.hostKeyFingerprint,
            user: activity.login?.user.map(redactor.redact), userKey: activity.login?.keyFingerprint,
            database: activity.login?.database.map(redactor.redact), purpose: activity.purpose.map(redactor.redact),
            command: activity.command.map(redactor.redact),
            effect: activity.effect, stdin: activity.standardInput)
        let recorder = ActivityRecorder(
            command: log.head.sequence + 1, step: step, transcript: try transcript(of: step ?? RunReader.outside),
            redactor: redactor, isSecret: activity.outputIsSecret)
        var entry = blank(.commandStart(start), step: step)
        // Written first, so that the record announces these lines.
        recorder.begin(start, at: entry.time)
        // The command is not sent; the next one tries again.
        if let failure = recorder.transcript.failure { throw failure }
        entry.files = [recorder.transcript.announcement]
        try append(entry, durable: activity.effect == .change)
        recorders.withLock { $0[activity.id] = recorder }
        commands += 1
    }

    private func transcript(of step: String) throws(JournalError) -> Transcript {
        if let open = transcripts[step] {
            guard open.failure != nil else { return open }
            // What records announce of it reaches the disk, though it is opened anew.
            try sync()
        }
        let transcript = try Transcript("steps/\(step).log", in: path, disk: disk)
        transcripts[step] = transcript
        return transcript
    }

    private func words(for status: ActivityOutcome.Status) -> (outcome: String, value: String) {
        switch status {
        case .exited(let code): ("exited", "\(code)")
        case .signalled(let name): ("signalled", redactor.redact(name))
        case .refused(let code): ("refused", redactor.redact(code))
        case .unknown(let reason): ("unknown", redactor.redact(reason))
        }
    }
}
