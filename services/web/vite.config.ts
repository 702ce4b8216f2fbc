import react from '@vitejs/plugin-react';
import { defaultClientConditions, defineConfig } from 'vite';

/** Where `npm run dev` finds the system that `npm start` runs. */
const SYSTEM = 'http://localhost:8000';

export default defineConfig({
  plugins: [react()],
  // Packages of the workspace are taken from their sources, so the page is built without building them first.
  resolve: { conditions: ['@holdfast/source', ...defaultClientConditions] },
  build: { target: 'es2022', sourcemap: true, chunkSizeWarningLimit: 700 },
  server: {
    proxy: {
      '/ws': { target: SYSTEM, ws: true },
      '/chat/api': { target: SYSTEM },
    },
  },
});
