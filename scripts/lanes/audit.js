// What a report of `npm audit --json` means for a run.

/**
 * An advisory that is borne for a while, as scripts/audit-exceptions.json lists it.
 *
 * @typedef {object} Exception
 * @property {string} advisory its address, as in the report: https://github.com/advisories/GHSA-…
 * @property {string} why what keeps it from being used against Holdfast
 * @property {string} until the last day on which it counts, YYYY-MM-DD
 */

/**
 * @param {string} output what `npm audit --json` printed
 * @param {readonly Exception[]} exceptions
 * @param {Date} today
 * @returns {{ failures: string[], notes: string[] }} what fails the run, and what it has to say besides. Where the registry
 *   was not reached there is a note, because nothing has been found.
 */
export function judge(output, exceptions, today) {
  const day = today.toISOString().slice(0, 10);
  const failures = exceptions.flatMap((exception) => faultOf(exception, day));
  const report = reportOf(output);
  if (report?.vulnerabilities === undefined) {
    const why = report?.message ?? 'npm printed no report';
    return { failures, notes: [`NOT AUDITED: the registry was not asked (${why})`] };
  }
  const excepted = new Set(exceptions.filter(({ until }) => until >= day).map(({ advisory }) => advisory));
  const found = advisoriesOf(report.vulnerabilities);
  const notes = [];
  for (const [url, { name, severity, title }] of found) {
    if (excepted.has(url)) notes.push(`excepted: ${name}: ${title} (${url})`);
    else failures.push(`${name}: ${title} (${severity}, ${url})`);
  }
  for (const url of excepted) if (!found.has(url)) failures.push(`the exception of ${url} is not needed any more`);
  return { failures, notes };
}

/** What is wrong with an entry of the list. */
function faultOf({ advisory, why, until }, day) {
  const isWhole = /^https:\/\//.test(advisory ?? '') && (why ?? '') !== '' && /^\d{4}-\d\d-\d\d$/.test(until ?? '');
  if (!isWhole) return [`an exception needs advisory, why and until: ${JSON.stringify({ advisory, why, until })}`];
  return until < day ? [`the exception of ${advisory} has expired on ${until}: look at it again`] : [];
}

/** npm may print warnings around its report. */
function reportOf(output) {
  const start = output.indexOf('{');
  const end = output.lastIndexOf('}');
  try {
    return JSON.parse(output.slice(start, end + 1));
  } catch {
    return undefined;
  }
}

/** Each advisory once, by its address: packages that only depend on a weak one name that package instead. */
function advisoriesOf(vulnerabilities) {
  const advisories = Object.values(vulnerabilities).flatMap(({ via }) =>
    via.filter((each) => typeof each === 'object'),
  );
  return new Map(advisories.map((advisory) => [advisory.url, advisory]));
}
