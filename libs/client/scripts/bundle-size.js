// Bundles each entry of the client as an application would, without React, and prints its size.
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { rolldown } from 'rolldown';

for (const name of ['index', 'react']) {
  const bundle = await rolldown({
    input: fileURLToPath(new URL(`../src/${name}.ts`, import.meta.url)),
    platform: 'browser',
    external: /^react/,
    resolve: { conditionNames: ['@holdfast/source', 'import', 'default'] },
  });
  const { output } = await bundle.generate({ format: 'esm', minify: true });
  await bundle.close();
  const code = output.map((part) => (part.type === 'chunk' ? part.code : '')).join('');
  console.log(`${name}: ${Buffer.byteLength(code)} bytes minified, ${gzipSync(code, { level: 9 }).length} gzipped`);
}
