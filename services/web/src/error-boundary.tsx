import { Component, type ReactNode } from 'react';

interface ErrorBoundaryProps {
  readonly children: ReactNode;
}

/**
 * Shows what went wrong when the page cannot be drawn. Without it React leaves a blank page. It uses plain elements
 * only, because the theme and its components may be what failed.
 */
export class ErrorBoundary extends Component<ErrorBoundaryProps, { readonly problem?: string }> {
  override state: { readonly problem?: string } = {};

  static getDerivedStateFromError(error: unknown): { problem: string } {
    return { problem: String(error) };
  }

  override render(): ReactNode {
    const { problem } = this.state;
    if (problem === undefined) return this.props.children;
    return (
      <main
        role="alert"
        style={{ maxWidth: 560, margin: '15vh auto', padding: 24, font: '16px/1.5 system-ui, sans-serif' }}
      >
        <h1>The page has failed</h1>
        <p>It could not be drawn any more. Reload it to go on. What the server stores is safe.</p>
        <p>
          <button
            type="button"
            onClick={() => globalThis.location.reload()}
            style={{ font: 'inherit', padding: '6px 16px' }}
          >
            Reload the page
          </button>
        </p>
        <pre style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>{problem}</pre>
      </main>
    );
  }
}
