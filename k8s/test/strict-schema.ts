import { createRequire } from 'node:module';
import * as models from '@kubernetes/client-node';

/** A Kubernetes object, as parsed from YAML. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels?: Record<string, string> };
  readonly [field: string]: unknown;
}

interface Attribute {
  readonly baseName: string;
  readonly type: string;
  readonly format: string;
}

interface Model {
  getAttributeTypeMap(): Attribute[];
}

interface Validator {
  validate(): void;
}

const require = createRequire(import.meta.url);

/**
 * Checks a manifest against the schemas of Kubernetes. An API server silently ignores unknown fields, so that a
 * misspelt field would be lost. This check reports it.
 *
 * @returns a sentence with the path for each fault; none when the manifest is right
 */
export function faultsOf(manifest: Manifest): string[] {
  return [...unknownOrWrong(manifest, modelName(manifest), manifest.kind), ...missing(manifest)];
}

/** Name of the model: `V2HorizontalPodAutoscaler` for `HorizontalPodAutoscaler` in `autoscaling/v2`. */
function modelName({ apiVersion, kind }: Manifest): string {
  const version = apiVersion.split('/').at(-1) ?? '';
  return version.charAt(0).toUpperCase() + version.slice(1) + kind;
}

/** Checks an object by the generated models, which have every field and its type, but not which fields are required. */
function* unknownOrWrong(value: unknown, type: string, path: string): Generator<string> {
  const inner = /^Array<(.+)>$/.exec(type)?.[1];
  const values = /^\{ \[key: string\]: (.+); \}$/.exec(type)?.[1];
  if (type === 'any') return;
  if (inner !== undefined) {
    if (!Array.isArray(value)) yield `${path} must be a list`;
    else for (const [index, item] of value.entries()) yield* unknownOrWrong(item, inner, `${path}[${index}]`);
  } else if (values !== undefined) {
    if (!isObject(value)) yield `${path} must be a map`;
    else for (const [key, item] of Object.entries(value)) yield* unknownOrWrong(item, values, `${path}.${key}`);
  } else if (isScalarType(type)) {
    if (!isOfType(value, type)) yield `${path} must be a ${type}, not ${JSON.stringify(value)}`;
  } else {
    yield* inModel(value, type, path);
  }
}

function* inModel(value: unknown, type: string, path: string): Generator<string> {
  const model: unknown = Reflect.get(models, type);
  if (!isModel(model)) {
    yield `${path} is a ${type}, which Kubernetes does not know`;
    return;
  }
  if (!isObject(value)) {
    yield `${path} must be an object, not ${JSON.stringify(value)}`;
    return;
  }
  const attributes = new Map(model.getAttributeTypeMap().map((attribute) => [attribute.baseName, attribute]));
  for (const [name, item] of Object.entries(value)) {
    const attribute = attributes.get(name);
    if (!attribute) {
      yield `${path}.${name} is not a field of ${type}`;
      continue;
    }
    const whole = attribute.type === 'number' && attribute.format.startsWith('int');
    if (whole && !Number.isInteger(item)) yield `${path}.${name} must be a whole number, not ${JSON.stringify(item)}`;
    else yield* unknownOrWrong(item, attribute.type, `${path}.${name}`);
  }
}

/** Checks a manifest by schemas that have the required fields, but accept unknown ones. */
function missing(manifest: Manifest): string[] {
  const { apiVersion, kind } = manifest;
  let constructed: Validator;
  try {
    const module = require(`kubernetes-models/${apiVersion}/${kind}`) as Record<
      string,
      new (
        data: object,
      ) => Validator
    >;
    const Constructor = module[kind];
    if (!Constructor) return [`${kind} has no schema`];
    constructed = new Constructor(manifest);
  } catch (error) {
    return [`${apiVersion} ${kind} has no schema: ${String(error)}`];
  }
  try {
    constructed.validate();
    return [];
  } catch (error) {
    return [`${kind} ${manifest.metadata.name}: ${error instanceof Error ? error.message : String(error)}`];
  }
}

const SCALAR_TYPES = ['string', 'number', 'boolean', 'IntOrString', 'Date'];

function isScalarType(type: string): boolean {
  return SCALAR_TYPES.includes(type);
}

function isOfType(value: unknown, type: string): boolean {
  if (type === 'IntOrString') return typeof value === 'string' || Number.isInteger(value);
  return typeof value === (type === 'Date' ? 'string' : type);
}

function isModel(value: unknown): value is Model {
  return typeof value === 'function' && 'getAttributeTypeMap' in value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
