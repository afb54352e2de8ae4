/// Tells `Tests/reliability/run.py` of faults that a test has caused, and seen survived.
///
/// Rows of the same fault are added up. A test that fails prints them as well: the script sees that
/// by its exit status.
///
/// - Parameters:
///   - fault: What was done: `killed before a file call`.
///   - times: How many times.
///   - oracle: How the test knows that it was survived.
///   - seed: What repeats the random moments, where there are any.
public func survived(_ fault: String, times: Int, oracle: String, seed: UInt64? = nil) {
    print("\nsurvived|\(fault)|\(times)|\(oracle)|\(seed.map(String.init) ?? "")")
}
