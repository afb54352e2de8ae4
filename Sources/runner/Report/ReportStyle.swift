/// The style of a report: for light and dark screens, and for paper.
enum ReportStyle {
    static let sheet: HTMLText = """
        :root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --line: #d0d7de; --paper: #ffffff;
          --shade: #f6f8fa; --good: #1a7f37; --bad: #cf222e; --done: #0969da; --idle: #8c959f; --open: #9a6700 }
        @media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9198a1; --line: #3d444d;
          --paper: #0d1117; --shade: #151b23; --good: #3fb950; --bad: #f85149; --done: #58a6ff; --idle: #656c76;
          --open: #d29922 } }
        body { margin: 2rem auto; max-width: 60rem; padding: 0 1rem; background: var(--paper); color: var(--ink);
          font: 15px/1.5 system-ui, "DejaVu Sans", sans-serif; overflow-wrap: anywhere }
        h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .5rem }
        h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; border-bottom: 1px solid var(--line); padding-bottom: .2rem }
        h3 { font-size: 1rem; margin: 1.2rem 0 .3rem }
        table { border-collapse: collapse; width: 100%; font-size: .87rem }
        th, td { text-align: left; vertical-align: top; padding: .25rem .6rem .25rem 0;
          border-bottom: 1px solid var(--line); white-space: pre-wrap }
        th { color: var(--soft); font-weight: 600 }
        thead { display: table-header-group }
        tr { break-inside: avoid }
        .facts th { width: 9rem }
        .commands, .changes, .remarks { table-layout: fixed }
        .commands th:nth-child(1) { width: 5rem } .commands th:nth-child(2) { width: 8rem }
        .commands th:nth-child(4) { width: 9rem } .changes th:nth-child(2) { width: 16rem }
        .remarks td:nth-child(1) { width: 5rem } .remarks td:nth-child(3) { width: 6rem }
        .time { white-space: nowrap; font-variant-numeric: tabular-nums; width: 5.5rem }
        .code, code { font: .8rem/1.45 ui-monospace, "DejaVu Sans Mono", monospace }
        .verdict { border-left: .3rem solid var(--idle); background: var(--shade); padding: .6rem .9rem; margin: 1rem 0;
          white-space: pre-wrap }
        .verdict.good { border-color: var(--good) } .verdict.bad { border-color: var(--bad) }
        .soft { color: var(--soft) } .error { color: var(--bad); white-space: pre-wrap }
        svg { width: 100%; height: auto; font: 12px system-ui, "DejaVu Sans", sans-serif }
        svg text { fill: var(--ink) } svg .tick { fill: var(--soft); text-anchor: middle; font-size: 10px }
        svg .word { fill: var(--soft); font-size: 11px } svg .grid { stroke: var(--line) }
        .applied { fill: var(--done) } .in-place { fill: var(--idle) } .failed { fill: var(--bad) }
        .open { fill: none; stroke: var(--open); stroke-width: 2; stroke-dasharray: 4 2 }
        @page { margin: 15mm }
        @media print { :root { --ink: #000; --soft: #444; --line: #bbb; --paper: #fff; --shade: #fff; --good: #1a7f37;
          --bad: #cf222e; --done: #0969da; --idle: #8c959f; --open: #9a6700 }
          body { margin: 0; max-width: none; padding: 0; font-size: 10pt } h2, h3 { break-after: avoid }
          svg, .verdict { break-inside: avoid } rect { print-color-adjust: exact } }
        """
}
