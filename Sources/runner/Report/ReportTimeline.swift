import Foundation
import Journal

/// The steps of a run as a picture: a bar for each, as long as it took.
struct ReportTimeline {
    let steps: [ReportFacts.Step]
    let began: Date
    let ended: Date

    private let labels = 270.0
    private let width = 560.0
    private let row = 24.0

    /// An SVG that follows the page's colours.
    var picture: HTMLText {
        let bottom = Double(steps.count) * row
        let total = labels + width + 90
        let lines = ticks.map { seconds -> HTMLText in
            let x = position(seconds)
            return """
                <line class="grid" x1="\(text(x))" y1="0" x2="\(text(x))" y2="\(text(bottom))"/>\
                <text class="tick" x="\(text(x))" y="\(text(bottom + 14))">\(duration(seconds))</text>
                """
        }
        let rows = steps.enumerated().map { index, step in bar(step, at: Double(index) * row) }
        let title: HTMLText = "\(steps.count) steps in \(duration(ended.timeIntervalSince(began)))"
        return """
            <svg role="img" viewBox="0 0 \(text(total)) \(text(bottom + 20))" \
            xmlns="http://www.w3.org/2000/svg"><title>\(title)</title>\(.joined(lines))\(.joined(rows))</svg>
            """
    }

    private func bar(_ step: ReportFacts.Step, at y: Double) -> HTMLText {
        let start = position(step.began.timeIntervalSince(began))
        let end = max(position(step.ended.timeIntervalSince(began)), start + 2)
        let shape: HTMLText = """
            x="\(text(start))" y="\(text(y + 5))" width="\(text(end - start))" height="\(text(row - 10))"
            """
        let words = "\(step.summary), \(duration(step.ended.timeIntervalSince(step.began)))"
        // After the bar, or before it if there is no room.
        let isBehind = end + Double(words.count) * 6 < labels + width + 90
        let place: HTMLText =
            isBehind ? "x=\"\(text(end + 5))\"" : "x=\"\(text(start - 5))\" text-anchor=\"end\""
        return """
            <text class="name" x="0" y="\(text(y + 16))">\(shortened(step.name))</text>\
            <rect class="\(kind(step))" rx="2" \(shape)><title>\(step.name): \(words)</title></rect>\
            <text class="word" \(place) y="\(text(y + 16))">\(words)</text>
            """
    }

    private func kind(_ step: ReportFacts.Step) -> String {
        switch step.result {
        case .inPlace: "in-place"
        case .applied: "applied"
        case .failed: "failed"
        case .interrupted, nil: "open"
        }
    }

    private func shortened(_ name: String) -> String {
        name.count <= 36 ? name : name.prefix(35) + "…"
    }

    private var span: Double { max(ended.timeIntervalSince(began), 0.001) }

    private func position(_ seconds: Double) -> Double { labels + width * min(max(seconds / span, 0), 1) }

    /// At most six round times.
    private var ticks: [Double] {
        let steps = [0.001, 0.01, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 86400]
        let step = steps.first { span / $0 <= 6 } ?? span
        return Array(stride(from: 0, through: span, by: step))
    }

    private func duration(_ seconds: Double) -> String {
        switch seconds {
        case ..<10: seconds.formatted(.number.precision(.fractionLength(0...2)).locale(Self.plain)) + " s"
        case ..<120: seconds.formatted(.number.precision(.fractionLength(0...1)).locale(Self.plain)) + " s"
        case ..<7200: (seconds / 60).formatted(.number.precision(.fractionLength(0...1)).locale(Self.plain)) + " min"
        default: (seconds / 3600).formatted(.number.precision(.fractionLength(0...1)).locale(Self.plain)) + " h"
        }
    }

    private func text(_ number: Double) -> String {
        number.formatted(.number.grouping(.never).precision(.fractionLength(0...1)).locale(Self.plain))
    }

    private static let plain = Locale(identifier: "en_US_POSIX")
}
