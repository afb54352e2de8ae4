extension Duration {
    /// Seconds, rounded to at most one decimal: `10 s`, `0.5 s`.
    ///
    /// Errors name the limit that was exceeded in this form.
    public var inWords: String {
        let tenth: Int64 = 100_000_000_000_000_000
        let tenths = components.seconds * 10 + (components.attoseconds + tenth / 2) / tenth
        return tenths % 10 == 0 ? "\(tenths / 10) s" : "\(tenths / 10).\(tenths % 10) s"
    }
}
