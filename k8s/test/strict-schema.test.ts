import { describe, expect, it } from 'vitest';
import { faultsOf, type Manifest } from './strict-schema.js';

function deployment(change: (manifest: ReturnType<typeof right>) => void = () => undefined): Manifest {
  const manifest = right();
  change(manifest);
  return manifest;
}

function right() {
  const container: Record<string, unknown> = { name: 'main', image: 'holdfast', ports: [{ containerPort: 8100 }] };
  const spec: Record<string, unknown> = {
    replicas: 2,
    selector: { matchLabels: { app: 'gateway' } },
    template: { metadata: { labels: { app: 'gateway' } }, spec: { containers: [container] } },
  };
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'gateway' }, spec, container };
}

/** Checks a deployment, without the shortcut to its container, which is no part of a manifest. */
function faults(change?: (manifest: ReturnType<typeof right>) => void): string[] {
  const { container: _, ...manifest } = deployment(change);
  return faultsOf(manifest as Manifest);
}

describe('the strict schema check', () => {
  it('finds nothing wrong with a deployment that is right', () => {
    expect(faults()).toEqual([]);
  });

  it('catches an unknown field, however deep', () => {
    expect(faults(({ spec }) => Object.assign(spec, { replica: 3 }))).toEqual([
      'Deployment.spec.replica is not a field of V1DeploymentSpec',
    ]);
    expect(faults(({ container }) => Object.assign(container, { readinesProbe: {} }))).toEqual([
      'Deployment.spec.template.spec.containers[0].readinesProbe is not a field of V1Container',
    ]);
  });

  it('catches a missing required field, however deep', () => {
    expect(faults(({ spec }) => delete spec['selector']).join()).toMatch(/selector/);
    expect(faults(({ container }) => delete container['name']).join()).toMatch(/name/);
  });

  it('catches a value of the wrong type', () => {
    expect(faults(({ spec }) => Object.assign(spec, { replicas: '2' })).join()).toMatch(
      /replicas must be a whole number/,
    );
    expect(faults(({ spec }) => Object.assign(spec, { replicas: 1.5 })).join()).toMatch(
      /replicas must be a whole number/,
    );
    expect(faults(({ container }) => Object.assign(container, { args: 'main.js' })).join()).toMatch(
      /args must be a list/,
    );
    expect(faults(({ container }) => Object.assign(container, { env: [{ name: 'A', value: 1 }] })).join()).toMatch(
      /env\[0\]\.value must be a string, not 1/,
    );
  });

  it('catches a kind that there is not', () => {
    expect(faultsOf({ apiVersion: 'apps/v1', kind: 'Deploiment', metadata: { name: 'x' } }).join()).toMatch(
      /does not know/,
    );
  });
});
