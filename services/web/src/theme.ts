import { createTheme } from '@mui/material/styles';

const FONT = '"Inter", system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif';

interface OwnMessage {
  readonly main: string;
  readonly contrastText: string;
}

declare module '@mui/material/styles' {
  interface Palette {
    /** Background of the reader's own messages. */
    own: OwnMessage;
  }
  interface PaletteOptions {
    own: OwnMessage;
  }
}

/** The colours of the page: light or dark, as the reader's system is set. */
export const theme = createTheme({
  cssVariables: true,
  colorSchemes: {
    light: {
      palette: {
        primary: { main: '#1f6f78' },
        secondary: { main: '#8a4b08' },
        own: { main: '#1f6f78', contrastText: '#ffffff' },
        background: { default: '#f3f6f6', paper: '#ffffff' },
      },
    },
    dark: {
      palette: {
        primary: { main: '#7fd1d8' },
        secondary: { main: '#f0b67f' },
        own: { main: '#1d5960', contrastText: '#f2fbfb' },
        background: { default: '#0f1517', paper: '#182023' },
      },
    },
  },
  shape: { borderRadius: 10 },
  typography: { fontFamily: FONT, button: { textTransform: 'none', fontWeight: 600 } },
});
