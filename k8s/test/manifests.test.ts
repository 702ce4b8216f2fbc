import { readFileSync } from 'node:fs';
import { ENVIRONMENT, loadConfig, type ServiceName } from '@holdfast/config';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { findKubectl, kustomize, ROOT } from './kubectl.js';
import { faultsOf, type Manifest } from './strict-schema.js';

const FOLDERS = ['.', 'base', 'overlays/blue', 'overlays/green'] as const;

interface Container {
  name: string;
  args: string[];
  env: { name: string; value?: string }[];
  ports: { name: string; containerPort: number }[];
  securityContext: Record<string, unknown>;
  resources: { limits: { memory: string } };
  livenessProbe: Probe;
  readinessProbe: Probe;
  startupProbe: Probe;
}

interface Probe {
  httpGet: { path: string; port: string };
}

interface Deployment extends Manifest {
  spec: {
    selector: { matchLabels: Record<string, string> };
    template: {
      metadata: { labels: Record<string, string> };
      spec: {
        containers: [Container];
        terminationGracePeriodSeconds: number;
        automountServiceAccountToken: boolean;
        securityContext: Record<string, unknown>;
      };
    };
  };
}

const rendered = new Map<string, Manifest[]>();

beforeAll(async () => {
  const kubectl = await findKubectl();
  for (const folder of FOLDERS) {
    const documents = parseAllDocuments(await kustomize(kubectl, folder));
    rendered.set(
      folder,
      documents.map((document) => document.toJS() as Manifest),
    );
  }
}, 120_000);

const all = () => rendered.get('.') ?? [];
const ofKind = <T extends Manifest>(kind: string): T[] =>
  all().filter((manifest): manifest is T => manifest.kind === kind);
const named = <T extends Manifest>(kind: string, name: string): T => {
  const found = ofKind<T>(kind).find(({ metadata }) => metadata.name === name);
  if (!found) throw new Error(`there is no ${kind} ${name}`);
  return found;
};
const settings = () => (named('ConfigMap', 'holdfast-config') as Manifest & { data: Record<string, string> }).data;

describe.each(FOLDERS)('k8s/%s', (folder) => {
  it('renders with kubectl kustomize, and every manifest passes the strict schema check', () => {
    const manifests = rendered.get(folder) ?? [];
    expect(manifests.length).toBeGreaterThan(3);
    expect(manifests.flatMap(faultsOf)).toEqual([]);
  });
});

describe('the manifests', () => {
  it('have gateways of both colours, the API and the sweepers, once each', () => {
    const names = all().map(({ kind, metadata }) => `${kind} ${metadata.name}`);
    expect(new Set(names).size).toBe(names.length);
    expect(
      ofKind('Deployment')
        .map(({ metadata }) => metadata.name)
        .toSorted(),
    ).toEqual(['gateway-blue', 'gateway-green', 'session-api', 'sweeper']);
    for (const name of ['gateway-blue', 'gateway-green', 'session-api', 'gateway']) named('Service', name);
    for (const name of ['gateway-blue', 'gateway-green']) {
      named('HorizontalPodAutoscaler', name);
      named('PodDisruptionBudget', name);
    }
  });

  it('select pods that there are: every Service and PodDisruptionBudget', () => {
    const pods = ofKind<Deployment>('Deployment').map(({ spec }) => spec.template.metadata.labels);
    const matches = (selector: Record<string, string>) =>
      pods.filter((labels) => Object.entries(selector).every(([label, value]) => labels[label] === value)).length;
    for (const service of ofKind<Manifest & { spec: { selector: Record<string, string> } }>('Service')) {
      expect(matches(service.spec.selector), service.metadata.name).toBe(1);
    }
    for (const { metadata, spec } of ofKind<Deployment>('PodDisruptionBudget')) {
      expect(matches(spec.selector.matchLabels), metadata.name).toBe(1);
    }
    for (const { metadata, spec } of ofKind<Deployment>('Deployment')) {
      expect(matches(spec.selector.matchLabels), metadata.name).toBe(1);
    }
  });

  it('B1: give new sockets to one colour only, which the selector of a Service says', () => {
    const { spec } = named<Manifest & { spec: { selector: Record<string, string> } }>('Service', 'gateway');
    expect(spec.selector).toEqual({ 'app.kubernetes.io/name': 'gateway', color: 'blue' });
  });

  it('scale the gateways by their connections', () => {
    for (const color of ['blue', 'green']) {
      const scaler = named<Manifest & { spec: { scaleTargetRef: unknown; metrics: unknown[] } }>(
        'HorizontalPodAutoscaler',
        `gateway-${color}`,
      );
      expect(scaler.spec.scaleTargetRef).toEqual({
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        name: `gateway-${color}`,
      });
      expect(scaler.spec.metrics).toContainEqual({
        type: 'Pods',
        pods: { metric: { name: 'holdfast_connections' }, target: { type: 'AverageValue', averageValue: '15000' } },
      });
    }
  });

  it.each([
    ['gateway-blue', 'gateway', 8100, 9100],
    ['gateway-green', 'gateway', 8100, 9100],
    ['session-api', 'session-api', 8200, 9200],
    ['sweeper', 'sweeper', undefined, 9300],
  ] as const)('let %s start, be probed, and end in its own time', (name, service: ServiceName, port, adminPort) => {
    const { template } = named<Deployment>('Deployment', name).spec;
    const [container] = template.spec.containers;
    const own = Object.fromEntries(container.env.map((variable) => [variable.name, variable.value]));
    expect(Object.keys(own)).toContain('CHANNEL_REDIS_URL');
    const color = template.metadata.labels['color'] ?? 'blue';
    const env = { ...settings(), CHANNEL_REDIS_URL: 'redis://redis:6379/0', INSTANCE_COLOR: color };
    // N4: the processes that people reach ask for tokens, and do not start without the secret of holdfast-auth.
    const asksForTokens = service !== 'sweeper';
    expect(Object.keys(own).includes('AUTH_JWT_SECRET')).toBe(asksForTokens);
    if (asksForTokens) expect(() => loadConfig(service, env)).toThrow(/AUTH_JWT_SECRET/);
    const config = loadConfig(service, asksForTokens ? { ...env, AUTH_JWT_SECRET: 's'.repeat(64) } : env);
    expect(config.auth?.secrets.length).toBe(asksForTokens ? 1 : undefined);
    expect(config.adminPort).toBe(adminPort);
    if (port !== undefined) expect(config.port).toBe(port);
    const ports = Object.fromEntries(container.ports.map((one) => [one.name, one.containerPort]));
    const management = service === 'session-api' ? { management: config.managementPort } : {};
    expect(ports).toEqual({ ...(port !== undefined && { http: port }), ...management, admin: adminPort });
    const v8 = service === 'gateway' ? ['--max-semi-space-size=64'] : [];
    expect(container.args).toEqual([...v8, `services/${service}/dist/main.js`]);
    for (const probe of [container.livenessProbe, container.readinessProbe, container.startupProbe]) {
      expect(probe.httpGet.port).toBe('admin');
    }
    expect(container.livenessProbe.httpGet.path).toBe('/healthz');
    expect(container.readinessProbe.httpGet.path).toBe('/readyz');
    // B3: SIGTERM begins a drain of DRAIN_SECONDS. The closing after it takes a few seconds more.
    expect(template.spec.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(config.drainSeconds + 10);
  });

  it("B6: know the Ingress' idle time, so that heartbeats come in time", () => {
    const ingresses = ofKind<Manifest & { metadata: { annotations?: Record<string, string> } }>('Ingress');
    const [seconds] = ingresses.map(
      (one) => one.metadata.annotations?.['nginx.ingress.kubernetes.io/proxy-read-timeout'],
    );
    expect(settings()['PROXY_IDLE_SECONDS']).toBe(seconds);
  });

  it('know every setting, and no other', () => {
    const elsewhere = ['CHANNEL_REDIS_URL', 'INSTANCE_COLOR', 'PORT', 'ADMIN_PORT'];
    const secrets = ['ADMIN_TOKEN', 'API_KEYS', 'AUTH_JWT_SECRET', 'SESSION_ENCRYPTION_KEYS'];
    const expected = ENVIRONMENT.map((row) => row.name as string).filter(
      (one) => ![...elsewhere, ...secrets].includes(one),
    );
    expect(Object.keys(settings()).toSorted()).toEqual(expected.toSorted());
  });

  it('run nothing as root, nothing that can write or gain rights, and nothing without a limit of memory', () => {
    for (const { metadata, spec } of ofKind<Deployment>('Deployment')) {
      const pod = spec.template.spec;
      expect(pod.automountServiceAccountToken, metadata.name).toBe(false);
      expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
      for (const container of pod.containers) {
        expect(container.securityContext).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        });
        expect(container.resources.limits.memory).toMatch(/Mi$|Gi$/);
      }
    }
  });

  it('deny all traffic that no policy names', () => {
    const policies = ofKind('NetworkPolicy');
    expect(policies.map(({ metadata }) => metadata.name).toSorted()).toEqual([
      'deny-all',
      'from-back-ends',
      'from-ingress',
      'from-prometheus',
      'to-dns-and-redis',
    ]);
    expect(named('NetworkPolicy', 'deny-all')['spec']).toEqual({ podSelector: {}, policyTypes: ['Ingress', 'Egress'] });
  });

  it('M4: reach management inside the cluster only, through a Service that no Ingress names', () => {
    const service = named<Manifest & { spec: { type: string; ports: object[] } }>('Service', 'session-api-management');
    expect(service.spec.type).toBe('ClusterIP');
    expect(service.spec.ports).toEqual([{ name: 'management', port: 8201, targetPort: 'management' }]);
    for (const kind of ['Ingress', 'Service'] as const) {
      const others = ofKind(kind).filter((one) => one !== service);
      expect(JSON.stringify(others)).not.toMatch(/management|8201/);
    }
    const open = ofKind('NetworkPolicy').filter((one) => JSON.stringify(one).includes('"port":"management"'));
    expect(open.map(({ metadata }) => metadata.name)).toEqual(['from-back-ends']);
  });

  it('are all in the namespace holdfast', () => {
    for (const { kind, metadata } of all()) {
      if (kind === 'Namespace') expect(metadata.name).toBe('holdfast');
      else expect(metadata.namespace, `${kind} ${metadata.name}`).toBe('holdfast');
    }
  });

  it('name only ports of Services and secrets that the README tells of', () => {
    const readme = readFileSync(`${ROOT}k8s/README.md`, 'utf8');
    for (const secret of JSON.stringify(all()).match(/"secretName":"[^"]+"|"secretKeyRef":\{[^}]+\}/g) ?? []) {
      const name = /holdfast-[a-z]+/.exec(secret)?.[0] ?? secret;
      expect(readme).toContain(name);
    }
  });
});
