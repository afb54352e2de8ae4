/// `text` in quotes for a message: control characters are escaped, and long text is truncated.
package func shown(_ text: String) -> String {
    (text.count > 60 ? text.prefix(60) + "…" : text).debugDescription
}

/// `value` in upper-case hexadecimal, padded with zeros to `digits`.
func hexadecimal(_ value: UInt32, digits: Int) -> String {
    let text = String(value, radix: 16, uppercase: true)
    return String(repeating: "0", count: max(0, digits - text.count)) + text
}

/// The one of `candidates` that `word` most likely is a misspelling of; nil if none is close.
func suggestion(for word: String, among candidates: [String]) -> String? {
    let near = candidates.map { (candidate: $0, distance: editDistance(from: word.lowercased(), to: $0.lowercased())) }
    let best = near.min { $0.distance < $1.distance }
    return best.flatMap { $0.distance <= max(1, min(3, word.count / 3)) ? $0.candidate : nil }
}

/// The number of insertions, deletions, substitutions and swaps of neighbours that turn one word
/// into the other.
private func editDistance(from first: String, to second: String) -> Int {
    let (left, right) = (Array(first), Array(second))
    var rows = [Array(0...right.count)]
    for i in left.indices {
        var row = [i + 1]
        for j in right.indices {
            var best = min(rows[i][j + 1] + 1, row[j] + 1, rows[i][j] + (left[i] == right[j] ? 0 : 1))
            if i > 0, j > 0, left[i] == right[j - 1], left[i - 1] == right[j] {
                best = min(best, rows[i - 1][j - 1] + 1)
            }
            row.append(best)
        }
        rows.append(row)
    }
    return rows[left.count][right.count]
}
