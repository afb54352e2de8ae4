import Testing

@testable import StepKit
