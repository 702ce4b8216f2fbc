/** Who may import whom: the table of ARCHITECTURE.md. `npm run check` fails on anything else. */
const MAY_IMPORT = {
  'libs/protocol': [],
  'libs/config': [],
  'libs/auth': ['libs/protocol'],
  'libs/telemetry': [],
  'libs/redis-client': [],
  'libs/session-store': ['libs/protocol', 'libs/redis-client'],
  'libs/fan-out': ['libs/protocol', 'libs/redis-client'],
  'libs/client': ['libs/protocol'],
  'libs/testkit': ['libs/protocol'],
  'services/gateway': [
    'libs/protocol',
    'libs/config',
    'libs/auth',
    'libs/telemetry',
    'libs/redis-client',
    'libs/session-store',
    'libs/fan-out',
  ],
  'services/session-api': [
    'libs/protocol',
    'libs/config',
    'libs/auth',
    'libs/telemetry',
    'libs/redis-client',
    'libs/session-store',
    'libs/fan-out',
  ],
  'services/sweeper': ['libs/protocol', 'libs/config', 'libs/telemetry', 'libs/redis-client', 'libs/session-store'],
  'services/web': ['libs/protocol', 'libs/client'],
  'services/local': [
    'libs/protocol',
    'libs/config',
    'libs/auth',
    'libs/telemetry',
    'libs/redis-client',
    'libs/session-store',
    'libs/fan-out',
    'services/gateway',
    'services/session-api',
    'services/sweeper',
  ],
  // These test and are run as programs too. None of them is deployed.
  'services/loadgen': ['libs/protocol', 'libs/client', 'libs/testkit'],
  'services/simulation': [
    'libs/protocol',
    'libs/config',
    'libs/telemetry',
    'libs/redis-client',
    'libs/session-store',
    'libs/fan-out',
    'libs/client',
    'libs/testkit',
    'services/gateway',
  ],
  'services/fuzz': [
    'libs/protocol',
    'libs/config',
    'libs/auth',
    'libs/session-store',
    'libs/client',
    'libs/testkit',
    'services/gateway',
  ],
};

/** Packages that browsers run: Node's own modules are out of bounds. */
const BROWSER_SAFE = ['libs/protocol', 'libs/client', 'services/web'];

const PACKAGE = '(?:libs|services)/[^/]+';
const TEST = `(^|/)[^/]+\\.test\\.tsx?$|^${PACKAGE}/test/|^test/`;
/** The files that a package exports. */
const ENTRY = `^(${PACKAGE}/src/index\\.ts|libs/client/src/react\\.ts)$`;

const anyOf = (folders) => `^(${folders.join('|')})/`;

/** One pair of rules per row of the table. Tests may use the test kit besides. */
const rows = Object.entries(MAY_IMPORT).flatMap(([folder, allowed]) => {
  const name = folder.replace('/', '-');
  const comment = `${folder} may import ${allowed.length === 0 ? 'nothing of ours' : allowed.join(', ')}`;
  const rule = (suffix, from, more) => ({
    name: `${name}-imports${suffix}`,
    comment,
    severity: 'error',
    from,
    to: { path: `^${PACKAGE}/`, pathNot: anyOf([folder, ...allowed, ...more]) },
  });
  return [
    rule('', { path: `^${folder}/`, pathNot: TEST }, []),
    rule('-in-tests', { path: [`^${folder}/.*\\.test\\.tsx?$`, `^${folder}/test/`] }, ['libs/testkit']),
  ];
});

/** The rooms of the gateway, from the top to the bottom: a file imports from its own room and from those below it. */
const GATEWAY = 'services/gateway/src';
const GATEWAY_ROOMS = [
  'server',
  'admission',
  'connection',
  'rooms',
  'room',
  'room/append',
  'room/sync',
  'room/delivery',
  'shared',
  'redis',
  'ports',
];

/** One rule per room. Tests may look anywhere. */
const gatewayRooms = GATEWAY_ROOMS.map((room, index) => {
  const below = GATEWAY_ROOMS.slice(index).map((name) => `${GATEWAY}/${name}/[^/]+$`);
  return {
    name: `gateway-${room.replace('/', '-')}-imports-downwards`,
    comment: `${GATEWAY}/${room} may import ${GATEWAY_ROOMS.slice(index).join(', ')}`,
    severity: 'error',
    from: { path: `^${GATEWAY}/${room}/[^/]+$`, pathNot: TEST },
    to: { path: `^${GATEWAY}/`, pathNot: below.map((path) => `^${path}`) },
  };
});

module.exports = {
  forbidden: [
    ...rows,
    ...gatewayRooms,
    {
      name: 'gateway-room-without-place',
      comment: "every folder of the gateway's sources has a place in GATEWAY_ROOMS of .dependency-cruiser.cjs",
      severity: 'error',
      from: {
        path: `^${GATEWAY}/.+/`,
        pathNot: GATEWAY_ROOMS.map((room) => `^${GATEWAY}/${room}/[^/]+$`),
      },
      to: {},
    },
    {
      name: 'package-without-row',
      comment: 'every package needs a row in the table of .dependency-cruiser.cjs',
      severity: 'error',
      from: { path: `^${PACKAGE}/`, pathNot: anyOf(Object.keys(MAY_IMPORT)) },
      to: {},
    },
    {
      name: 'no-cycle',
      comment: 'no import cycle, not even of types',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-deep-import',
      comment: 'another package is used through what it exports',
      severity: 'error',
      from: { path: `^(${PACKAGE})/` },
      to: { path: `^${PACKAGE}/`, pathNot: ['^$1/', ENTRY] },
    },
    {
      name: 'no-deep-import-from-root',
      comment: 'a package is used through what it exports',
      severity: 'error',
      from: { pathNot: `^${PACKAGE}/` },
      to: { path: `^${PACKAGE}/`, pathNot: ENTRY },
    },
    {
      name: 'no-relative-import-of-package',
      comment: 'another package is imported by its name, @holdfast/NAME',
      severity: 'error',
      from: { path: `^(${PACKAGE})/` },
      to: { path: `^${PACKAGE}/`, pathNot: '^$1/', dependencyTypes: ['local'] },
    },
    {
      name: 'uwebsockets-in-one-file',
      comment:
        "uWebSockets.js is imported by the gateway's src/server/server.ts, and load-library.ts beside it, alone, and by the servers it is measured beside",
      severity: 'error',
      from: {
        pathNot: [
          '^services/gateway/src/server/(?:server|load-library)\\.ts$',
          '^services/loadgen/src/bench/references/',
        ],
      },
      to: { path: 'uWebSockets\\.js|node_modules/uwebsockets/' },
    },
    {
      name: 'testkit-in-tests-only',
      comment: 'the test kit is for tests',
      severity: 'error',
      from: {
        pathNot: [
          '^libs/testkit/',
          '^services/(loadgen|simulation|fuzz)/',
          TEST,
          '^(grafana|deploy|k8s|scripts)/.*\\.test\\.ts$',
        ],
      },
      to: { path: '^libs/testkit/' },
    },
    {
      name: 'no-test-in-product',
      comment: 'what is shipped does not import tests',
      severity: 'error',
      from: { pathNot: TEST },
      to: { path: TEST },
    },
    {
      name: 'browser-safe',
      comment: 'these packages run in browsers, where there are no modules of Node',
      severity: 'error',
      from: { path: `^(${BROWSER_SAFE.join('|')})/src/`, pathNot: TEST },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'declared-dependency',
      comment: 'what is shipped imports only what its own package.json names',
      severity: 'error',
      from: { path: `^${PACKAGE}/src/`, pathNot: TEST },
      // dependency-cruiser calls a peer dependency npm-no-pkg, although package.json names it.
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['npm-peer'] },
    },
    {
      name: 'resolvable',
      comment: 'the import leads nowhere',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: ['node_modules', '/dist/'] },
    exclude: { path: '(^|/)(dist|fixtures)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.check.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['@holdfast/source', 'types', 'import', 'node', 'default'],
      mainFields: ['module', 'main', 'types'],
    },
    cache: false,
  },
};
