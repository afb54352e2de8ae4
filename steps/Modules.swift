public import StepKit

/// The modules of `runner`, by number: a new one needs its folder and its line here.
public let modules = [module11]
